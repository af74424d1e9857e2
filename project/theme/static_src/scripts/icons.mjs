// Writes ../icons/<style>/<name>.svg for each line "style/name" of icons.txt, from the heroicons package.
// The result is committed, so that pages need no node_modules. Glyphs of our own in ../icons/own are left alone.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = join(dirname(fileURLToPath(import.meta.url)), "..");
const sets = { solid: "16/solid", outline: "24/outline" };
const target = join(here, "..", "icons");

const wanted = readFileSync(join(here, "icons.txt"), "utf8")
  .split("\n")
  .map((line) => line.trim())
  .filter((line) => line && !line.startsWith("#"));

for (const style of Object.keys(sets)) {
  rmSync(join(target, style), { recursive: true, force: true });
  mkdirSync(join(target, style), { recursive: true });
}
for (const entry of wanted) {
  const [style, name] = entry.split("/");
  const source = join(here, "node_modules", "heroicons", sets[style], `${name}.svg`);
  const svg = readFileSync(source, "utf8")
    .replace(/\s*\n\s*/g, "")
    .replace(/ (xmlns|data-slot|aria-hidden)="[^"]*"/g, "")
    .replace(/stroke-width="1\.5"/, 'stroke-width="1.7"');
  writeFileSync(join(target, style, `${name}.svg`), `${svg}\n`);
}
console.log(`${wanted.length} icons`);
