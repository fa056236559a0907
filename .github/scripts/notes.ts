/**
 * Prints what the changelog says of the release that a tag names; refuses a tag that is not this
 * version, and a changelog that does not tell of it yet.
 *
 * `deno run --allow-read .github/scripts/notes.ts v1.2.3`, in the project's folder
 */
const [tag = ""] = Deno.args;
const { version } = JSON.parse(await Deno.readTextFile("deno.json"));
const changelog = await Deno.readTextFile("CHANGELOG.md");

function refuse(problem: string): never {
  console.error(problem);
  Deno.exit(1);
}

if (!/^v\d+\.\d+\.\d+$/.test(tag)) refuse(`expected a tag like v1.2.3, got "${tag}"`);
if (tag !== `v${version}`) refuse(`the tag is ${tag}, and deno.json has the version ${version}`);

const [, ...sections] = changelog.split(/^## /m);
const section = sections.find((text) => text.split(/\s/, 1)[0] === version);
if (!section) refuse(`CHANGELOG.md has no section "## ${version}"`);
const [heading = ""] = section.split("\n", 1);
if (/unreleased/i.test(heading)) refuse(`CHANGELOG.md still calls it "${heading}"`);
const notes = section.slice(heading.length).trim();
if (notes === "") refuse(`CHANGELOG.md says nothing of ${version}`);
console.log(notes);
