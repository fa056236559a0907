/** The main loop while connections are slow, or the system refuses them. */
import "./kinds/slow_connections.ts";
import "./kinds/system_errors.ts";
