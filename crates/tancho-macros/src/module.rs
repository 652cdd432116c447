//! `#[derive(Module)]`: shows each field under its name.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Field, Index, Member, Result, parse_quote};

pub(crate) fn expand(item: TokenStream) -> Result<TokenStream> {
    let input: DeriveInput = syn::parse2(item)?;
    let fields = match &input.data {
        Data::Struct(data) => &data.fields,
        Data::Enum(_) | Data::Union(_) => {
            let message = "Module can be derived for structs only; implement it for a choice of modules by hand";
            return Err(Error::new_spanned(&input.ident, message));
        }
    };
    let mut visits = Vec::new();
    for (field, member) in fields.iter().zip(fields.members()) {
        if is_skipped(field)? {
            continue;
        }
        let name = match &member {
            Member::Named(name) => name.to_string().trim_start_matches("r#").to_owned(),
            Member::Unnamed(Index { index, .. }) => format!("[{index}]"),
        };
        let of = &field.ty;
        visits.push(quote! {
            parts.enter(#name);
            parts.module(::tancho::nn::Module::kind(&self.#member));
            <#of as ::tancho::nn::Module>::visit_parts(&self.#member, parts);
            parts.leave();
        });
    }
    let mut generics = input.generics.clone();
    let parameters: Vec<_> = input.generics.type_params().map(|parameter| parameter.ident.clone()).collect();
    for parameter in parameters {
        generics.make_where_clause().predicates.push(parse_quote!(#parameter: ::tancho::nn::Module));
    }
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let name = &input.ident;
    let kind = name.to_string();
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics ::tancho::nn::Module for #name #type_generics #where_clause {
            #[allow(unused_variables)]
            fn visit_parts<'tancho>(&'tancho self, parts: &mut dyn ::tancho::nn::Parts<'tancho>) {
                #(#visits)*
            }

            fn kind(&self) -> &str {
                #kind
            }
        }
    })
}

/// Whether a field is marked `#[module(skip)]`.
fn is_skipped(field: &Field) -> Result<bool> {
    let mut skipped = false;
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("module")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("skip") {
                skipped = true;
                Ok(())
            } else {
                Err(meta.error("expected `skip`"))
            }
        })?;
    }
    Ok(skipped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_error(item: TokenStream, expected: &str) {
        assert_eq!(expand(item).unwrap_err().to_string(), expected);
    }

    #[test]
    fn what_is_no_module_says_why() {
        let message = "Module can be derived for structs only; implement it for a choice of modules by hand";
        check_error(
            quote!(
                enum Choice {
                    A,
                    B,
                }
            ),
            message,
        );
        check_error(
            quote!(
                struct S {
                    #[module(leave)]
                    x: f32,
                }
            ),
            "expected `skip`",
        );
    }
}
