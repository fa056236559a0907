/** The main loop during faults of the network between probe and target, and of a proxy there. */
import "./kinds/network.ts";
import "./kinds/name_resolution.ts";
import "./kinds/proxy.ts";
