/** A dataset's metadata, as long as the platform's. */
export function datasetBody(id: string): string {
  return JSON.stringify({
    Type: "Dataset",
    Id: id,
    title: "A dataset",
    description: "As long as the description of a dataset of the platform may be. ".repeat(6),
    keywords: ["bench", "probe"],
    accessRights: "public",
    confidentiality: "green",
    state: "active",
  });
}
