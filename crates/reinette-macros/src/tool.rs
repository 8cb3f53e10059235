//! Makes a tool of an async function.

use crate::container::Container;
use crate::{documentation, expand};
use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{
    Attribute, DeriveInput, Error, FnArg, Ident, ItemFn, LitFloat, LitInt, LitStr, Pat, Result, ReturnType, Type,
};

/// What `#[tool(…)]` says.
#[derive(Default)]
pub(crate) struct ToolAttributes {
    name: Option<LitStr>,
    description: Option<LitStr>,
    /// Seconds.
    timeout: Option<f64>,
}

impl ToolAttributes {
    /// Takes one `name = value` of the attribute.
    pub(crate) fn take(&mut self, meta: &syn::meta::ParseNestedMeta<'_>) -> Result<()> {
        if meta.path.is_ident("name") {
            self.name = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("description") {
            self.description = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("timeout_seconds") {
            self.timeout = Some(seconds(meta)?);
        } else {
            return Err(meta.error("a tool has a `name`, a `description` and `timeout_seconds`, and nothing else"));
        }
        Ok(())
    }
}

fn seconds(meta: &syn::meta::ParseNestedMeta<'_>) -> Result<f64> {
    let value = meta.value()?;
    let span = value.span();
    let seconds: f64 = if value.peek(LitInt) {
        value.parse::<LitInt>()?.base10_parse()?
    } else {
        value.parse::<LitFloat>()?.base10_parse()?
    };
    if seconds > 0.0 && seconds < 1e9 { Ok(seconds) } else { Err(Error::new(span, "a call has to be given some time")) }
}

/// A parameter of the function.
struct Parameter {
    name: Ident,
    written: Box<Type>,
    /// `#[guide(…)]`, `#[serde(…)]` and the doc comment.
    attributes: Vec<Attribute>,
}

/// The tool that `function` becomes.
pub(crate) fn expand(attributes: &ToolAttributes, mut function: ItemFn) -> Result<TokenStream> {
    check_signature(&function)?;
    let ident = function.sig.ident.clone();
    let name =
        attributes.name.as_ref().map_or_else(|| ident.to_string().trim_start_matches("r#").to_owned(), LitStr::value);
    let described = attributes.description.as_ref().map(LitStr::value).or_else(|| documentation::of(&function.attrs));
    let Some(description) = described else {
        return Err(Error::new(
            ident.span(),
            "the model has to be told what this tool does: write a doc comment on the function",
        ));
    };
    let parameters = function.sig.inputs.iter_mut().map(parameter).collect::<Result<Vec<_>>>()?;
    let call = call(&function, &ident, &parameters);
    let timeout = attributes.timeout.map(|seconds| {
        quote! {
            fn timeout(&self) -> ::core::option::Option<::reinette::__private::Duration> {
                ::core::option::Option::Some(::reinette::__private::Duration::from_secs_f64(#seconds))
            }
        }
    });
    let fields =
        parameters.iter().map(|Parameter { name, written, attributes }| quote!(#(#attributes)* #name: #written));
    let arguments = quote!(struct Arguments { #(#fields,)* });
    check_arguments(&arguments)?;
    let visibility = function.vis.clone();
    let comments: Vec<Attribute> =
        function.attrs.extract_if(.., |attribute| attribute.path().is_ident("doc")).collect();
    function.sig.ident = Ident::new("run", ident.span());
    Ok(quote! {
        #(#comments)*
        #[allow(non_camel_case_types, reason = "it is used like the function that it is made of")]
        #[derive(Clone, Copy, Debug)]
        #visibility struct #ident;

        #[allow(clippy::unused_async, reason = "tools are async, whether they wait for something or not")]
        impl #ident {
            /// The function that the tool is made of.
            #function
        }

        const _: () = {
            #[derive(::reinette::__private::serde::Serialize, ::reinette::__private::serde::Deserialize, ::reinette::Generable)]
            #[serde(crate = "::reinette::__private::serde")]
            #arguments

            #[automatically_derived]
            impl ::reinette::Tool for #ident {
                fn definition(&self) -> ::reinette::ToolDefinition {
                    ::reinette::ToolDefinition::new::<Arguments>(#name, #description)
                }

                fn prepare(&self, invocation: ::reinette::Invocation) -> ::reinette::Preparation {
                    #call
                }

                #timeout
            }
        };
    })
}

/// The body of `Tool::prepare`.
fn call(function: &ItemFn, ident: &Ident, parameters: &[Parameter]) -> TokenStream {
    let names = parameters.iter().map(|parameter| &parameter.name);
    let names_again = names.clone();
    let output = if returns_result(&function.sig.output) {
        quote! {
            let output = output.map_err(|error| ::reinette::ToolError::new(::std::string::ToString::to_string(&error)))?;
        }
    } else {
        TokenStream::new()
    };
    quote! {
        ::std::boxed::Box::pin(async move {
            let Arguments { #(#names),* } = ::reinette::__private::tool_arguments(invocation.arguments)?;
            let output = #ident::run(#(#names_again),*).await;
            #output
            ::reinette::__private::tool_output(&output).map(::reinette::Prepared::Answer)
        })
    }
}

/// Says what is wrong with the parameters, lest the derive's error be followed by those of all that stands on it.
fn check_arguments(arguments: &TokenStream) -> Result<()> {
    let arguments: DeriveInput = syn::parse2(arguments.clone())?;
    expand::implementation(&Container::parse(&arguments)?).map(drop)
}

fn check_signature(function: &ItemFn) -> Result<()> {
    let signature = &function.sig;
    if signature.asyncness.is_none() {
        let advice = "a tool is an `async fn`, so that it can be stopped; blocking work goes to a thread of its own";
        return Err(Error::new(signature.fn_token.span, advice));
    }
    if let Some(parameter) = signature.generics.params.first() {
        return Err(Error::new(
            parameter.span(),
            "a model calls one function, not a family of them: leave the generic parameters out",
        ));
    }
    Ok(())
}

fn parameter(argument: &mut FnArg) -> Result<Parameter> {
    let span = argument.span();
    let FnArg::Typed(typed) = argument else {
        let advice = "a tool made of a function has no `self`: to hold on to something use `FunctionTool::new`";
        return Err(Error::new(span, advice));
    };
    let Pat::Ident(name) = typed.pat.as_ref() else {
        return Err(Error::new(span, "the model fills arguments in by name: give this one a name"));
    };
    if let Type::Reference(reference) = typed.ty.as_ref() {
        let advice = "a model produces values that own what they hold: use `String` in place of `&str`";
        return Err(Error::new(reference.span(), advice));
    }
    Ok(Parameter { name: name.ident.clone(), written: typed.ty.clone(), attributes: std::mem::take(&mut typed.attrs) })
}

/// Whether the function is written to return a `Result`.
fn returns_result(output: &ReturnType) -> bool {
    let ReturnType::Type(_, written) = output else { return false };
    let Type::Path(path) = written.as_ref() else { return false };
    path.path.segments.last().is_some_and(|segment| segment.ident == "Result")
}
