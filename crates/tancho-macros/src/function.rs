//! `#[function]`: the function becomes the body of a static traced function, which a function of the same name calls.
//!
//! Of a method, the body becomes a second method, and a static in the first one holds the caches.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::{Error, FnArg, ItemFn, Pat, Receiver, ReceiverKind, Result, ReturnType, Type};

pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> Result<TokenStream> {
    if !attribute.is_empty() {
        return Err(Error::new_spanned(attribute, "#[function] takes no arguments"));
    }
    let function: ItemFn = syn::parse2(item)?;
    let signature = &function.sig;
    refuse_qualifiers(&function)?;
    let output = match &signature.output {
        ReturnType::Type(_, output) => output,
        ReturnType::Default => {
            return Err(Error::new_spanned(&signature.ident, "a traced function returns tensors"));
        }
    };

    let receiver = signature.receiver();
    let arguments = signature.inputs.iter().skip(usize::from(receiver.is_some()));
    let mut names = Vec::new();
    let mut types = Vec::new();
    for argument in arguments {
        let FnArg::Typed(argument) = argument else { continue };
        names.push(match &*argument.pat {
            Pat::Ident(pattern) => pattern.ident.clone(),
            _ => format_ident!("arg{}", names.len()),
        });
        types.push(&*argument.ty);
    }
    let most = if receiver.is_some() { 7 } else { 8 };
    if names.len() > most {
        let message = "a traced function takes at most eight arguments";
        return Err(Error::new_spanned(&signature.inputs, message));
    }
    match receiver {
        Some(receiver) => expand_method(&function, receiver, output, &names, &types),
        None => Ok(expand_free(&function, output, &names, &types)),
    }
}

fn expand_free(function: &ItemFn, output: &Type, names: &[Ident], types: &[&Type]) -> TokenStream {
    let texts = names.iter().map(|name| name.to_string());
    let arguments = match names {
        [only] => quote!(#only),
        names => quote!((#(#names),*)),
    };
    let types_tuple = quote!((#(#types,)*));
    let ItemFn { attrs: attributes, vis: visibility, sig: signature, block, .. } = function;
    let (name, inputs) = (&signature.ident, &signature.inputs);
    let text = name.to_string();
    quote! {
        #(#attributes)*
        #[track_caller]
        #visibility fn #name(#(#names: impl ::tancho::Feed<#types>),*) -> #output {
            fn body(#inputs) -> #output #block
            static FUNCTION: ::std::sync::LazyLock<
                ::tancho::Function<'static, #types_tuple, <#output as ::tancho::Returned>::Out>,
            > = ::std::sync::LazyLock::new(|| {
                ::tancho::function(body).with_name(#text).with_argument_names(&[#(#texts),*])
            });
            <#output as ::tancho::Returned>::from_result(FUNCTION.call(#arguments))
        }
    }
}

/// The body stays a method, under another name; a closure calls it on the receiver as the trace rebuilds it.
fn expand_method(
    function: &ItemFn,
    receiver: &Receiver,
    output: &Type,
    names: &[Ident],
    types: &[&Type],
) -> Result<TokenStream> {
    let is_shared = matches!(receiver.kind, ReceiverKind::Reference(_, _, None));
    if !is_shared {
        return Err(Error::new_spanned(receiver, "a traced method takes `&self`"));
    }
    let texts = names.iter().map(|name| name.to_string());
    let arguments = if names.is_empty() { quote!(self) } else { quote!((self, #(#names),*)) };
    let ItemFn { attrs: attributes, vis: visibility, sig: signature, block, .. } = function;
    let (name, inputs) = (&signature.ident, &signature.inputs);
    let text = name.to_string();
    let body = format_ident!("__traced_{}", text.trim_start_matches("r#"), span = name.span());
    let of_the_body = attributes.iter().filter(|attribute| {
        ["allow", "expect", "warn", "deny", "cfg"].iter().any(|name| attribute.path().is_ident(name))
    });
    Ok(quote! {
        #(#of_the_body)*
        #[doc(hidden)]
        fn #body(#inputs) -> #output #block

        #(#attributes)*
        #[track_caller]
        #visibility fn #name(&self, #(#names: impl ::tancho::Feed<#types>),*) -> #output {
            static METHOD: ::tancho::Method = ::tancho::Method::new(#text, &["self", #(#texts),*]);
            let body = |this: Self, #(#names: #types),*| -> #output { this.#body(#(#names),*) };
            let result = METHOD.call(::core::any::type_name::<Self>(), &body, #arguments);
            <#output as ::tancho::Returned>::from_result(result)
        }
    })
}

fn refuse_qualifiers(function: &ItemFn) -> Result<()> {
    let signature = &function.sig;
    let refuse = |tokens: &dyn quote::ToTokens, what: &str| {
        Err(Error::new_spanned(tokens, format!("a traced function cannot be {what}")))
    };
    if let Some(token) = &signature.asyncness {
        return refuse(token, "async");
    }
    if let Some(token) = &signature.constness {
        return refuse(token, "const");
    }
    if let Some(token) = &signature.variadic {
        return refuse(token, "variadic");
    }
    if !signature.generics.params.is_empty() {
        return refuse(&signature.generics, "generic: it has one cache for the program");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_error(item: TokenStream, expected: &str) {
        assert_eq!(expand(TokenStream::new(), item).unwrap_err().to_string(), expected);
    }

    #[test]
    fn what_cannot_be_traced_says_why() {
        check_error(
            quote!(
                fn f(&mut self) -> Tensor {}
            ),
            "a traced method takes `&self`",
        );
        check_error(
            quote!(
                fn f(self: &Arc<Self>) -> Tensor {}
            ),
            "a traced method takes `&self`",
        );
        check_error(
            quote!(
                async fn f() -> Tensor {}
            ),
            "a traced function cannot be async",
        );
        check_error(
            quote!(
                fn f<T>(x: T) -> Tensor {}
            ),
            "a traced function cannot be generic: it has one cache for the program",
        );
        check_error(
            quote!(
                fn f(x: Tensor) {}
            ),
            "a traced function returns tensors",
        );
    }
}
