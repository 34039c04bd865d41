// Schemas in words and tables: what a field may hold, with links to the shapes that have names.

import { type Schema, wantedOf } from '../schema-words.ts'
import { type Html, html } from './html.ts'
import { nameIn } from './openapi-document.ts'
import { prose } from './prose.ts'

/** What may stand where `schema` stands. */
export function kindOf(schema: Schema): Html {
  if (schema.$ref !== undefined) {
    const name = nameIn(schema.$ref)
    return html`<a href="#shape-${name}">${name}</a>`
  }
  if (schema.type === 'array') return html`list${countOf(schema)} of ${kindOf(schema.items ?? {})}`
  if (schema.anyOf !== undefined && schema.type === undefined) {
    return html`${schema.anyOf.map((one, i) => html`${i === 0 ? '' : ' or '}${kindOf(one)}`)}`
  }
  if (schema.type === 'object' && typeof schema.additionalProperties === 'object') {
    return html`object of ${kindOf(schema.additionalProperties)}`
  }
  // A pattern says to people less than the description beside it.
  const { pattern: _, ...plain } = schema
  return html`${wantedOf(plain)}`
}

function countOf({ minItems, maxItems }: Schema): string {
  if (maxItems === undefined) return minItems === undefined ? '' : `, at least ${minItems},`
  return `, ${minItems ?? 0} to ${maxItems},`
}

interface Row {
  name: string
  schema: Schema
  isRequired: boolean
  description?: string
}

/** A table with a row for each field; nothing where there is none. */
export function rowsTable(rows: readonly Row[]): Html | undefined {
  if (rows.length === 0) return undefined
  const lines = rows.map(({ name, schema, isRequired, description = schema.description }) => {
    const fallback = schema.default === undefined ? '' : ` Default: ${JSON.stringify(schema.default)}.`
    return html`<tr>
<th scope="row"><code>${name}</code>${isRequired ? html` <span class="needed">needed</span>` : ''}</th>
<td class="kind">${kindOf(schema)}</td>
<td>${prose((description ?? '') + fallback)}</td>
</tr>`
  })
  return html`<div class="wide"><table class="fields">${lines}</table></div>`
}

/** The fields of an object; what is no object is said in a line. */
export function fieldsOf(schema: Schema): Html {
  const { properties, required = [] } = schema
  if (properties === undefined) return html`<p>${kindOf(schema)}</p>`
  const rows = Object.entries(properties).map(([name, part]) => ({
    name,
    schema: part,
    isRequired: required.includes(name),
  }))
  return rowsTable(rows) ?? html`<p>An object without fields.</p>`
}
