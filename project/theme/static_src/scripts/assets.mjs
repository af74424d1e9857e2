// Copies what the stylesheet and the pages need from packages to the static folder: fonts and idiomorph.
import { copyFileSync, mkdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = join(dirname(fileURLToPath(import.meta.url)), "..");
const packages = join(here, "node_modules");
const target = join(here, "..", "static", "theme");

const files = [
  ...["latin", "latin-ext", "cyrillic", "greek", "vietnamese"].map((script) => [
    `@fontsource-variable/inter/files/inter-${script}-opsz-normal.woff2`,
    `fonts/inter-${script}-opsz-normal.woff2`,
  ]),
  ["@fontsource-variable/inter/LICENSE", "fonts/LICENSE"],
  ["idiomorph/dist/idiomorph-ext.min.js", "js/idiomorph-ext.min.js"],
];

for (const [from, to] of files) {
  const source = join(packages, from);
  const copy = join(target, to);
  mkdirSync(dirname(copy), { recursive: true });
  const old = statSync(copy, { throwIfNoEntry: false });
  if (!old || old.size !== statSync(source).size) copyFileSync(source, copy);
}
