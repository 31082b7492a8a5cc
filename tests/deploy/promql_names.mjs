// SPDX-License-Identifier: Apache-2.0
// Reads a JSON list of PromQL expressions; prints of each the metric names, or where it is wrong.
import { readFileSync } from 'node:fs';
import { parser } from '@prometheus-io/lezer-promql';

const read = (text) => {
  const names = [];
  const wrong = [];
  parser.parse(text).iterate({
    enter(node) {
      if (node.type.isError) wrong.push(`${node.from}: ${text.slice(node.from, node.from + 20)}`);
      if (node.name === 'VectorSelector') {
        const name = node.node.getChild('Identifier');
        if (name) names.push(text.slice(name.from, name.to));
      }
    },
  });
  return { names, wrong };
};

console.log(JSON.stringify(JSON.parse(readFileSync(0, 'utf8')).map(read)));
