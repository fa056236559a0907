/**
 * The script of the status page: follows the probe's events, converts times to the reader's zone,
 * and draws the chart. The page is complete without it.
 *
 * Only the server makes the page: after a change the script requests it again and changes the
 * document into the response.
 */
import { drawChart } from "./chart/chart.ts";
import { root } from "./dom.ts";
import { followEvents } from "./events.ts";
import { handleNavigation } from "./navigation.ts";
import { refreshWhenIdle } from "./refresh.ts";
import { localizeTimes } from "./times.ts";

root.classList.add("scripted");
localizeTimes(document);
drawChart();
addEventListener("resize", drawChart);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawChart);
handleNavigation();
refreshWhenIdle();
void followEvents();
