/** The main loop during faults of all else that the probe needs: each fault hits a healthy probe, and ends. */
import "./kinds/tls.ts";
import "./kinds/tokens.ts";
import "./kinds/surroundings.ts";
import "./kinds/machine.ts";
