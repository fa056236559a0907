/** The main loop while addresses are far away, or the system refuses connections. */
import "./kinds/far_addresses.ts";
import "./kinds/system_errors.ts";
