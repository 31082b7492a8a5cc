// SPDX-License-Identifier: Apache-2.0
// node manifest-types.mjs OBJECTS.json OUT.ts: objects as literals of their types, for tsc.
import fs from 'node:fs';

const OPERATORS = {
  'cert-manager.io': '@kubernetes-models/cert-manager',
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator',
};

const [source, target] = process.argv.slice(2);
const objects = JSON.parse(fs.readFileSync(source, 'utf8'));
const lines = objects.map((object, number) => {
  const group = object.apiVersion.includes('/') ? object.apiVersion.split('/')[0] : '';
  const from = `${OPERATORS[group] ?? 'kubernetes-models'}/${object.apiVersion}`;
  return `import type {I${object.kind} as T${number}} from '${from}';\n`
      + `export const o${number}: T${number} = ${JSON.stringify(object, null, 1)};\n`;
});
fs.writeFileSync(target, lines.join(''));
