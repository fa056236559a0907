/** The main loop during faults of the network between probe and target: each fault hits a healthy probe, and ends. */
import "./kinds/network.ts";
import "./kinds/name_resolution.ts";
import "./kinds/slow_connections.ts";
import "./kinds/system_errors.ts";
import "./kinds/proxy.ts";
