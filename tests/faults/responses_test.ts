/** The main loop during faults of the target's responses: each fault hits a healthy probe, and ends. */
import "./kinds/statuses.ts";
import "./kinds/connections.ts";
import "./kinds/responses.ts";
import "./kinds/memory.ts";
