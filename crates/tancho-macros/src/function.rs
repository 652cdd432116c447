//! `#[function]`: the function becomes the body of a static traced function, which a function of the same name calls.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Error, FnArg, ItemFn, Pat, Result, ReturnType};

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

    let mut names = Vec::new();
    let mut types = Vec::new();
    for input in &signature.inputs {
        match input {
            FnArg::Typed(argument) => {
                names.push(match &*argument.pat {
                    Pat::Ident(pattern) => pattern.ident.clone(),
                    _ => format_ident!("arg{}", names.len()),
                });
                types.push(&*argument.ty);
            }
            FnArg::Receiver(receiver) => {
                return Err(Error::new_spanned(receiver, "#[function] is for free functions, not for methods"));
            }
        }
    }
    if names.len() > 8 {
        return Err(Error::new_spanned(&signature.inputs, "a traced function takes at most eight arguments"));
    }
    let texts = names.iter().map(|name| name.to_string());
    let arguments = match names.as_slice() {
        [only] => quote!(#only),
        names => quote!((#(#names),*)),
    };
    let types_tuple = quote!((#(#types,)*));
    let (name, attributes, visibility, inputs, block) =
        (&signature.ident, &function.attrs, &function.vis, &signature.inputs, &function.block);
    let text = name.to_string();

    Ok(quote! {
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
                fn f(&self) -> Tensor {}
            ),
            "#[function] is for free functions, not for methods",
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
