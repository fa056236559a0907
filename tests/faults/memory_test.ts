/** Memory of the main loop under faults that last. */
import "./kinds/memory.ts";
