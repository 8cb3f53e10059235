//! What becomes of each keyword of JSON Schema.

/// What becomes of a keyword.
pub(super) enum Keyword {
    /// The model is held to it.
    Enforced,
    /// It says nothing on which values there are.
    Annotation,
    /// It does, and the model would not be held to it; with advice.
    Refused(&'static str),
}

/// What becomes of the keyword `name`.
pub(super) fn meaning(name: &str) -> Keyword {
    match name {
        "type"
        | "enum"
        | "const"
        | "anyOf"
        | "oneOf"
        | "allOf"
        | "$ref"
        | "dependentRequired"
        | "dependentSchemas"
        | "unevaluatedProperties"
        | "unevaluatedItems"
        | "properties"
        | "required"
        | "additionalProperties"
        | "minProperties"
        | "maxProperties"
        | "items"
        | "prefixItems"
        | "minItems"
        | "maxItems"
        | "uniqueItems"
        | "minLength"
        | "maxLength"
        | "pattern"
        | "format"
        | "minimum"
        | "maximum"
        | "exclusiveMinimum"
        | "exclusiveMaximum"
        | "multipleOf" => Keyword::Enforced,
        // Definitions are prepared where they are referred to; by anchors they cannot be.
        "$defs" | "definitions" | "$schema" | "$comment" | "$anchor" | "$dynamicAnchor" | "title" | "description"
        | "default" | "examples" | "deprecated" | "readOnly" | "writeOnly" | "contentMediaType" | "contentEncoding"
        | "contentSchema"
        // OpenAPI's, which say how to write or show a value; the schemas that `discriminator` chooses from are under
        // `oneOf`, and `nullable` was written out before.
        | "discriminator" | "example" | "externalDocs" | "nullable" | "xml"
        // Of editors, forms and other models' interfaces.
        | "defaultSnippets" | "enumDescriptions" | "enumNames" | "errorMessage" | "markdownDescription"
        | "markdownEnumDescriptions" | "propertyOrder" | "propertyOrdering" => Keyword::Annotation,
        "x-span" => Keyword::Refused("only a tool's own string arguments can be copied from the user's words"),
        "x-guidance" => Keyword::Refused("how values are spelt is not the schema's to say: leave it out"),
        "$id" | "id" | "$dynamicRef" | "$recursiveRef" | "$recursiveAnchor" | "$vocabulary" => {
            Keyword::Refused("refer to definitions of the same document by `#/$defs/…`")
        }
        "not" => Keyword::Refused("say what a value may be instead of what it may not"),
        "if" | "then" | "else" | "dependencies" => Keyword::Refused("write the cases as schemas under `anyOf`"),
        "patternProperties" | "propertyNames" => Keyword::Refused("name the keys under `properties`"),
        "contains" | "minContains" | "maxContains" => Keyword::Refused("say what the elements are with `prefixItems`"),
        "additionalItems" => Keyword::Refused("write `prefixItems` and `items`, as of draft 2020-12"),
        name if name.starts_with("x-") => Keyword::Annotation,
        _ => Keyword::Refused("it is no keyword of JSON Schema 2020-12: leave it out, or begin its name with `x-`"),
    }
}
