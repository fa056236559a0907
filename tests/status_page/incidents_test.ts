import { assertEquals } from "@std/assert";
import type { KnownIncident } from "../../src/history/past.ts";
import { groupIncidents } from "../../src/status_page/incidents.ts";

function incident(fields: Partial<KnownIncident>): KnownIncident {
  return {
    startMs: 0,
    endMs: null,
    lost: 3,
    reasons: { dns: 3 },
    firstSeqno: 1,
    endSeqno: null,
    resolutionSeconds: 0,
    ...fields,
  };
}

Deno.test("incidents of several datasets that begin and end together are one", () => {
  const together = groupIncidents(
    [
      { datasetId: "a", incidents: [incident({ startMs: 1_000, endMs: 9_000, endSeqno: 40 })] },
      {
        datasetId: "b",
        incidents: [
          incident({
            startMs: 3_000,
            endMs: 8_000,
            endSeqno: 38,
            lost: 5,
            reasons: { timeout: 5 },
          }),
        ],
      },
    ],
    2_000,
    9,
  );
  assertEquals(together, [{
    members: [
      { datasetId: "b", lost: 5, firstSeqno: 1, endSeqno: 38 },
      { datasetId: "a", lost: 3, firstSeqno: 1, endSeqno: 40 },
    ],
    startMs: 1_000,
    endMs: 9_000,
    lost: 8,
    reasons: [["timeout", 5], ["dns", 3]],
    isOwn: true,
    resolutionSeconds: 0,
  }]);
});

Deno.test("incidents whose ends Prometheus knows to a step stay one", () => {
  const past = { startMs: 1_000, resolutionSeconds: 30 };
  const of = (ends: number[]) =>
    ends.map((endMs, i) => ({ datasetId: `${i}`, incidents: [incident({ ...past, endMs })] }));
  assertEquals(groupIncidents(of([600_000, 630_000]), 2_000, 9).length, 1);
  assertEquals(groupIncidents(of([600_000, 690_000]), 2_000, 9).length, 2);
});

Deno.test("incidents stay apart when one begins, ends or lasts otherwise", () => {
  const first = incident({ startMs: 1_000, endMs: 9_000 });
  const others = [
    incident({ startMs: 3_001, endMs: 9_000 }),
    incident({ startMs: 1_000, endMs: 11_001 }),
    incident({ startMs: 1_000, endMs: null }),
  ];
  for (const other of others) {
    const groups = groupIncidents(
      [
        { datasetId: "a", incidents: [first] },
        { datasetId: "b", incidents: [other] },
      ],
      2_000,
      9,
    );
    assertEquals(groups.length, 2, JSON.stringify(other));
  }
});

Deno.test("the newest incidents are listed, newest first; one that lasts has no end", () => {
  const incidents = Array.from(
    { length: 12 },
    (_, i) => incident({ startMs: i * 60_000, endMs: i === 11 ? null : i * 60_000 + 30_000 }),
  );
  const groups = groupIncidents([{ datasetId: "a", incidents }], 10_000, 5);
  assertEquals(groups.map(({ startMs }) => startMs / 60_000), [11, 10, 9, 8, 7]);
  assertEquals(groups.map(({ endMs }) => endMs === null), [true, false, false, false, false]);
});

Deno.test("an incident that the process has not seen is not its own", () => {
  const [group] = groupIncidents(
    [
      { datasetId: "a", incidents: [incident({ firstSeqno: null, resolutionSeconds: 60 })] },
      { datasetId: "b", incidents: [incident({})] },
    ],
    1_000,
    5,
  );
  assertEquals([group?.isOwn, group?.resolutionSeconds], [false, 60]);
});
