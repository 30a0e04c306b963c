/** Reads PromQL as Prometheus' own editor does. */
import { parser } from '@prometheus-io/lezer-promql';

/** The metric names that an expression selects. Errors: with the place, when it is no PromQL. */
export function metricNamesIn(expression: string): string[] {
  const names: string[] = [];
  parser.parse(expression).iterate({
    enter({ type, from, to, node }) {
      if (type.isError) throw new Error(`not PromQL at ${from}: ${expression}`);
      if (type.name !== 'VectorSelector') return;
      const name = node.getChild('Identifier');
      if (!name) throw new Error(`a selector without a metric name: ${expression.slice(from, to)}`);
      names.push(expression.slice(name.from, name.to));
    },
  });
  return names;
}

/** The label matchers and `by` labels that an expression names. */
export function labelNamesIn(expression: string): string[] {
  const names: string[] = [];
  parser.parse(expression).iterate({
    enter({ type, from, to }) {
      if (type.name === 'LabelName') names.push(expression.slice(from, to));
    },
  });
  return names;
}
