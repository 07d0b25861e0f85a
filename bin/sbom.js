// The bill of materials of what a user gets, as CycloneDX 1.5 on stdout, read from the lockfile alone: the same for the same lockfile.
// `npm sbom --omit=dev` leaves out packages that a development package names as a peer (ws, yaml, zod).
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const read = (file) => JSON.parse(readFileSync(path.join(root, file), 'utf8'));
const manifest = read('package.json');
const { packages } = read('package-lock.json');

const nameOf = (place) => place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);
const refOf = (place) =>
  place === '' ? `${manifest.name}@${manifest.version}` : `${nameOf(place)}@${packages[place].version}`;
const purlOf = (name, version) => `pkg:npm/${name.replace('@', '%40')}@${version}`;

/** Where a package named at `place` is found: beside it or nearer the root, as Node looks. */
function resolved(place, name) {
  for (let at = place; ; at = at.slice(0, Math.max(0, at.lastIndexOf('node_modules/') - 1))) {
    const candidate = `${at === '' ? '' : `${at}/`}node_modules/${name}`;
    if (packages[candidate] !== undefined) return candidate;
    if (at === '') return undefined;
  }
}

function neededBy(place) {
  const { dependencies = {}, optionalDependencies = {}, peerDependencies = {} } = packages[place];
  const names = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies });
  // A peer that only development brings is not there for a user.
  return names.flatMap((name) => resolved(place, name) ?? []).filter((found) => packages[found].dev !== true);
}

function reachable() {
  const found = new Set(['']);
  for (const place of found) for (const needed of neededBy(place)) found.add(needed);
  return [...found].sort();
}

function licenceOf({ license }) {
  if (license === undefined) return [];
  return [/[ ()]/.test(license) ? { expression: license } : { license: { id: license } }];
}

function component(place) {
  const { version, integrity, optional } = packages[place];
  const content = Buffer.from(integrity.replace(/^sha512-/, ''), 'base64').toString('hex');
  return {
    'bom-ref': refOf(place),
    type: 'library',
    name: nameOf(place),
    version,
    scope: optional === true ? 'optional' : 'required',
    purl: purlOf(nameOf(place), version),
    hashes: [{ alg: 'SHA-512', content }],
    licenses: licenceOf(packages[place]),
  };
}

const places = reachable();
const { name, version, description } = manifest;
const bom = {
  bomFormat: 'CycloneDX',
  specVersion: '1.5',
  version: 1,
  metadata: {
    component: {
      'bom-ref': refOf(''),
      type: 'application',
      name,
      version,
      description,
      purl: purlOf(name, version),
      licenses: [{ license: { id: manifest.license } }],
    },
  },
  components: places.filter((place) => place !== '').map(component),
  dependencies: places.map((place) => ({
    ref: refOf(place),
    dependsOn: [...new Set(neededBy(place).map(refOf))],
  })),
};
process.stdout.write(`${JSON.stringify(bom, null, 2)}\n`);
