/**
 * Completes a bill of materials: adds the runtime, which no tool finds in a lock file, and which
 * package needs which; refuses one that does not list exactly the packages of the lock file.
 *
 * `deno run --allow-read --allow-write .github/scripts/materials.ts LOCK PACKAGES OUTPUT`
 */
type Component = { "bom-ref": string; group?: string; name: string; version: string };
type Bill = {
  metadata: { component: Component };
  components: Component[];
  dependencies: { ref: string; dependsOn: string[] }[];
};

const [lockFile = "", packagesFile = "", outputFile = ""] = Deno.args;
const bill: Bill = JSON.parse(await Deno.readTextFile(packagesFile));
const { specifiers, npm }: {
  specifiers: Record<string, string>;
  npm: Record<string, { dependencies?: string[] }>;
} = JSON.parse(await Deno.readTextFile(lockFile));

const nameOf = ({ group, name }: Component) => group ? `${group}/${name}` : name;
const keyOf = (component: Component) => `${nameOf(component)}@${component.version}`;

const locked = Object.keys(npm).sort();
const listed = bill.components.map(keyOf).sort();
if (JSON.stringify(listed) !== JSON.stringify(locked)) {
  console.error(`expected ${locked.join(", ")}\ngot ${listed.join(", ")}`);
  Deno.exit(1);
}

/** The component that a lock file's dependency names, by its name or by name and version. */
function refOf(dependency: string): string {
  const found = bill.components.find((component) =>
    [nameOf(component), keyOf(component)].includes(dependency)
  );
  if (!found) throw new Error(`${lockFile} does not hold ${dependency}`);
  return found["bom-ref"];
}
for (const component of bill.components) {
  const dependsOn = (npm[keyOf(component)]?.dependencies ?? []).map(refOf);
  const entry = bill.dependencies.find(({ ref }) => ref === component["bom-ref"]);
  if (entry) entry.dependsOn = dependsOn;
  else bill.dependencies.push({ ref: component["bom-ref"], dependsOn });
}

const { deno } = Deno.version;
const runtime = `pkg:github/denoland/deno@v${deno}`;
bill.components.push({
  ...{ type: "platform", "bom-ref": runtime, name: "deno", version: deno, purl: runtime },
  licenses: [{ license: { id: "MIT" } }],
} as Component);
bill.dependencies.push({ ref: runtime, dependsOn: [] });
const program = bill.metadata.component["bom-ref"];
const named = Object.entries(specifiers).map(([specifier, version]) =>
  refOf(specifier.replace(/^npm:(.+)@.*$/, `$1@${version}`))
);
const whole = bill.dependencies.find(({ ref }) => ref === program);
if (!whole) throw new Error(`${packagesFile} does not say what ${program} needs`);
whole.dependsOn = [...named, runtime];

await Deno.writeTextFile(outputFile, `${JSON.stringify(bill, null, 2)}\n`);
console.log(`${outputFile}: ${bill.components.length} components`);
