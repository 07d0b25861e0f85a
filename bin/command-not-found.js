// oclif's hook for a command that is not there: the nearest ones, in the form of all our errors.
import { nearestNames } from '../dist/src/nearest.js';

/** Words after a known command come here too: `dynamo up recipe x` is looked up as `up:recipe:x`. */
export default async function commandNotFound({ id, config }) {
  const words = id.split(':');
  const known = config.commandIDs.map((name) => name.replaceAll(':', ' '));
  const command = words
    .map((_, at) => words.slice(0, words.length - at).join(' '))
    .find((name) => known.includes(name));
  process.stderr.write(command === undefined ? unknown(words.join(' '), known) : tooMany(command, words));
  process.exit(2);
}

function unknown(wanted, known) {
  const topics = known.filter((name) => name.startsWith(`${wanted} `));
  const near = topics.length > 0 ? topics : nearestNames(wanted, known);
  const meant = near.map((name) => `\`dynamo ${name}\``).join(' or ');
  const hint = near.length === 0 ? '' : `Did you mean ${meant}? `;
  return `dynamo: There is no command \`${wanted}\`.\n  ${hint}\`dynamo --help\` lists them all.\n`;
}

function tooMany(command, words) {
  const rest = words.slice(command.split(' ').length);
  const flag = rest.length === 0 ? '' : `, and flags begin with two dashes: --${rest[0]}`;
  return `dynamo: \`dynamo ${command}\` takes no \`${rest.join(' ')}\`${flag}.\n  See \`dynamo ${command} --help\`.\n`;
}
