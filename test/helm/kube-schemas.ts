// Writes JSON schemas for kubeconform, one file a kind, out of Kubernetes' own OpenAPI document and of CRDs:
//
//   node test/helm/kube-schemas.ts FOLDER SWAGGER.json CRD.yaml…
//
// Strict: a field that a type does not have is an error, as it is for `kubectl apply --validate=strict`. An optional field may
// be null. A file is named as kubeconform looks for it: kind-group-version.json, with the group up to its first dot, and none
// for the core; it carries all the definitions that it reaches.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

interface Schema {
  type?: string | string[]
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  additionalProperties?: boolean | Schema
  [keyword: string]: unknown
}
interface Kind {
  group: string
  version: string
  kind: string
}

const QUANTITY = 'io.k8s.apimachinery.pkg.api.resource.Quantity'
const OBJECT_META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'
const KINDS = 'x-kubernetes-group-version-kind'
const KEPT = ['$ref', 'type', 'format', 'enum', 'pattern', 'minimum', 'maximum', 'minLength', 'maxLength', 'minItems']

/** The schema without its prose, every object closed. */
function strict(schema: Schema): Schema {
  if (schema.format === 'int-or-string' || schema['x-kubernetes-int-or-string']) return { type: ['string', 'integer'] }
  const closed: Schema = Object.fromEntries(KEPT.filter((key) => key in schema).map((key) => [key, schema[key]]))
  for (const key of ['allOf', 'anyOf', 'oneOf']) if (schema[key]) closed[key] = (schema[key] as Schema[]).map(strict)
  if (schema.items) closed.items = strict(schema.items)
  if (schema.required) closed.required = schema.required
  if (schema.properties) {
    const { required = [] } = schema
    closed.properties = Object.fromEntries(
      Object.entries(schema.properties).map(([name, property]) => {
        const value = strict(property)
        return [name, required.includes(name) ? value : nullable(value)]
      }),
    )
    closed.additionalProperties = Boolean(schema['x-kubernetes-preserve-unknown-fields'])
  }
  if (typeof schema.additionalProperties === 'object') closed.additionalProperties = strict(schema.additionalProperties)
  return closed
}

function nullable(schema: Schema): Schema {
  if (schema.type === undefined || schema.enum !== undefined) return schema
  return { ...schema, type: [schema.type, 'null'].flat() }
}

const [folder, swagger, ...crds] = process.argv.slice(2)
const original: Record<string, Schema> = JSON.parse(readFileSync(swagger, 'utf8')).definitions
const definitions = Object.fromEntries(Object.entries(original).map(([name, schema]) => [name, strict(schema)]))
definitions[QUANTITY] = { type: ['string', 'number'] }

/** The names of all definitions that a schema reaches. */
function reached(schema: Schema, names = new Set<string>()): Set<string> {
  for (const [, name] of JSON.stringify(schema).matchAll(/"#\/definitions\/([^"]+)"/g)) {
    if (!names.has(name)) reached(definitions[name], names.add(name))
  }
  return names
}

function write({ group, version, kind }: Kind, schema: Schema): void {
  const whole: Schema = {
    ...schema,
    properties: {
      ...schema.properties,
      apiVersion: { const: group === '' ? version : `${group}/${version}` },
      kind: { const: kind },
    },
    required: [...new Set(['apiVersion', 'kind', ...(schema.required ?? [])])],
  }
  whole.definitions = Object.fromEntries([...reached(whole)].map((name) => [name, definitions[name]]))
  const name = [kind.toLowerCase(), group.split('.')[0], version].filter((part) => part !== '').join('-')
  writeFileSync(join(folder, `${name}.json`), JSON.stringify(whole))
}

mkdirSync(folder, { recursive: true })
for (const [name, schema] of Object.entries(original)) {
  const kinds = (schema[KINDS] ?? []) as Kind[]
  if (kinds.length === 1 && schema.properties?.metadata) write(kinds[0], definitions[name])
}
for (const path of crds) {
  const { spec } = parse(readFileSync(path, 'utf8'))
  for (const version of spec.versions) {
    const schema = strict(version.schema.openAPIV3Schema)
    schema.properties = { ...schema.properties, metadata: { $ref: `#/definitions/${OBJECT_META}` } }
    write({ group: spec.group, version: version.name, kind: spec.names.kind }, schema)
  }
}
