let folder: string | undefined;

/** A path for a file that is only needed in this run. */
export function temporaryPath(name: string): string {
  return `${folder ??= makeFolder()}/${name}`;
}

function makeFolder(): string {
  const path = Deno.makeTempDirSync({ prefix: "probe-" });
  addEventListener("unload", () => Deno.removeSync(path, { recursive: true }));
  return path;
}
