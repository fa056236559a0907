/** The main loop while a network loses packets. */
import "./kinds/lost_packets.ts";
