import { placeholdersOf } from "../../text/links.ts";
import type { Objectives } from "../slo.ts";
import { attemptsRow } from "./attempts_row.ts";
import { durationsRow } from "./durations_row.ts";
import { layOut } from "./layout.ts";
import { nowRow } from "./now_row.ts";
import { probeRow } from "./probe_row.ts";
import { tasksRow } from "./tasks_row.ts";
import { annotations, variables } from "./variables.ts";

/**
 * The dashboard for probes with these objectives, as plain data in the form that Grafana imports. It
 * has a link to the status page under `publicUrl`, unless that has placeholders: of several probes
 * none is meant.
 */
export function dashboard(objectives: Objectives, { publicUrl }: { publicUrl?: string } = {}) {
  return {
    uid: "dataplatform-probe",
    title: "dataplatform-probe",
    description: "Whether the dataplatform works as its users see it, and whether the probe does.",
    tags: ["dataplatform", "probe"],
    schemaVersion: 42,
    version: 1,
    editable: true,
    graphTooltip: 1,
    timezone: "browser",
    refresh: "10s",
    time: { from: "now-1h", to: "now" },
    templating: { list: variables() },
    annotations: { list: annotations() },
    links: publicUrl === undefined || placeholdersOf(publicUrl).length > 0
      ? []
      : [statusPageOf(publicUrl)],
    panels: layOut(
      [nowRow, tasksRow, durationsRow, attemptsRow, probeRow].map((row) => row(objectives)),
    ),
  } as const;
}

function statusPageOf(publicUrl: string) {
  return {
    title: "Status page",
    type: "link",
    icon: "external link",
    tooltip: "What the probe sees now, and each failed task",
    url: `${publicUrl}/`,
    tags: [],
    asDropdown: false,
    targetBlank: true,
    includeVars: false,
    keepTime: false,
  } as const;
}
