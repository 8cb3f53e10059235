use super::*;

fn render(source: &str) -> Result<String, TemplateError> {
    ChatTemplate::from_source(source)?.render(&RenderInput::default())
}

#[test]
fn a_refusal_is_told_from_a_failure() {
    assert_eq!(
        render("{{ raise_exception('roles must alternate') }}"),
        Err(TemplateError::Refused("roles must alternate".into()))
    );
    assert!(matches!(render("{{ nothing.at.all }}"), Err(TemplateError::Render(_))));
    assert!(matches!(render("{% if %}"), Err(TemplateError::Syntax(_))));
}

#[test]
fn json_is_as_python_writes_it() {
    assert_eq!(
        render(r#"{{ {"a": [1, 2.5, none, true], "b<&>'é": "\n\"\\"} | tojson }}"#).unwrap(),
        r#"{"a": [1, 2.5, null, true], "b<&>'é": "\n\"\\"}"#
    );
    assert_eq!(
        render(r#"{{ {"a": [1], "b": {}} | tojson(indent=2) }}"#).unwrap(),
        "{\n  \"a\": [\n    1\n  ],\n  \"b\": {}\n}"
    );
}

#[test]
fn the_clock_is_the_one_passed_in() {
    let template =
        ChatTemplate::from_source("{% if strftime_now is defined %}{{ strftime_now('%d %B %Y') }}{% endif %}");
    let template = template.unwrap();
    let now = Some(jiff::civil::date(2026, 3, 11).at(10, 15, 0, 0));
    assert_eq!(template.render(&RenderInput { now, ..RenderInput::default() }).unwrap(), "11 March 2026");
    assert_eq!(template.render(&RenderInput::default()).unwrap(), "");
}

#[test]
fn python_methods_work() {
    assert_eq!(render("{{ ' a-b '.strip().split('-')[1].upper() }}").unwrap(), "B");
    assert_eq!(render("{{ 'a.b.c'.replace('.', '/') }}").unwrap(), "a/b/c");
    assert_eq!(render("{% for k, v in {'x': 1}.items() %}{{ k }}={{ v }}{% endfor %}").unwrap(), "x=1");
    assert_eq!(render("{{ ', '.join(['a', 'b']) }}").unwrap(), "a, b");
}

#[test]
fn hostile_templates_run_out_of_budget() {
    let doubling = "{% set s = namespace(v='aaaaaaaa') %}{% for i in range(60) %}{% set s.v = s.v + s.v %}{% endfor %}";
    let endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}x{% endfor %}{% endfor %}{% endfor %}";
    let replacing = "{% set s = 'a' * 1000000 %}{{ s.replace('a', s) }}";
    let recursive = "{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}";
    let nested =
        "{% set s = namespace(v=[]) %}{% for i in range(100000) %}{% set s.v = [s.v] %}{% endfor %}{{ s.v | tojson }}";
    for source in [doubling, endless, replacing, recursive, nested, "{{ 'a' * 9999999999 }}"] {
        assert!(matches!(render(source), Err(TemplateError::Render(_))), "{source}");
    }
    assert!(matches!(render(&"a".repeat(MAX_SOURCE_BYTES + 1)), Err(TemplateError::TooLarge { .. })));
}

#[test]
fn a_namespace_cannot_contain_itself() {
    let make = "{% set ns = namespace(a=1) %}";
    for misuse in [
        "{% set ns.a = ns %}{{ ns }}",
        "{% set ns.a = [ns.b, ns] %}{{ ns.a == ns.a }}",
        "{% set other = ns %}",
        "{% macro m(x) %}{% set ns.a = x %}{% endmacro %}{{ m(ns) }}",
        "{% set ns.a = namespace() %}",
        "{{ namespace }}",
        "{{ {'a': {'b': 1}}, '{{' ~ ns }}",
        "{% raw %}{{ ' {% endraw %}{% set ns.a = ns %}{# ' #}",
        "{% for ns in messages %}{% endfor %}",
    ] {
        assert!(matches!(render(&format!("{make}{misuse}")), Err(TemplateError::Syntax(_))), "{misuse}");
    }
    let uses = "{% set ns.a = ns.a + ns['a'] %}{{ ns.a }} {{ ns is defined }} ns {{ 'ns' }}{# ns #}{{ {'b': 1}.b }}";
    assert_eq!(render(&format!("{make}{uses}")).unwrap(), "2 True ns ns1");
}
