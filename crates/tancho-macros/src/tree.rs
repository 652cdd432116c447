//! `#[derive(Tree)]`: three methods, each of which goes through the fields in order, and gradients in the same structure.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, Index, Member, Result, parse_quote};

pub(crate) fn expand(item: TokenStream) -> Result<TokenStream> {
    let input: DeriveInput = syn::parse2(item)?;
    let fields = match &input.data {
        Data::Struct(data) => &data.fields,
        Data::Enum(_) | Data::Union(_) => {
            let message = "Tree can be derived for structs only; a choice that shapes the graph is a `Static` value";
            return Err(Error::new_spanned(&input.ident, message));
        }
    };
    if let Some(lifetime) = input.generics.lifetimes().next() {
        return Err(Error::new_spanned(lifetime, "a Tree owns its tensors, so that it has no lifetimes"));
    }

    let mut generics = input.generics.clone();
    let parameters: Vec<_> = input.generics.type_params().map(|parameter| parameter.ident.clone()).collect();
    for parameter in parameters {
        generics.make_where_clause().predicates.push(parse_quote!(#parameter: ::tancho::Tree));
    }
    // Fields may hold variables, of which only the compiler knows.
    let mut source_generics = generics.clone();
    source_generics.params.insert(0, parse_quote!('tancho_sources));
    let mut only_tensors = source_generics.make_where_clause().clone();
    for field in fields {
        let of = &field.ty;
        only_tensors.predicates.push(parse_quote!(#of: ::tancho::OnlyTensors<'tancho_sources>));
    }
    let (_, own_type, _) = generics.split_for_impl();
    let mut sources_where = source_generics.make_where_clause().clone();
    let name = &input.ident;
    sources_where.predicates.push(parse_quote!(#name #own_type: ::tancho::OnlyTensors<'tancho_sources>));
    let (source_generics, ..) = source_generics.split_for_impl();
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();

    let members: Vec<Member> = fields.members().collect();
    let visits = members.iter().map(|member| {
        let segment = match member {
            Member::Named(name) => {
                let name = name.to_string();
                let name = name.trim_start_matches("r#");
                quote!(::tancho::Segment::Field(#name))
            }
            Member::Unnamed(Index { index, .. }) => {
                let index = *index as usize;
                quote!(::tancho::Segment::Index(#index))
            }
        };
        quote! {
            visitor.enter(#segment);
            ::tancho::Tree::visit(&self.#member, visitor);
            visitor.leave();
        }
    });
    let rebuilt = members.iter().map(|member| quote!(#member: ::tancho::Tree::rebuild(&self.#member, leaves)));
    let given = members.iter().map(|member| quote!(::tancho::Tree::give(self.#member, sink);));
    let rebuild = match fields {
        Fields::Unit => quote!(Self),
        Fields::Named(_) | Fields::Unnamed(_) => quote!(Self { #(#rebuilt),* }),
    };

    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics ::tancho::Tree for #name #type_generics #where_clause {
            #[allow(unused_variables)]
            fn visit<'tancho>(&'tancho self, visitor: &mut dyn ::tancho::Visitor<'tancho>) {
                #(#visits)*
            }

            #[allow(unused_variables)]
            fn rebuild(&self, leaves: &mut dyn ::core::ops::FnMut() -> ::tancho::Tensor) -> Self {
                #rebuild
            }

            #[allow(unused_variables)]
            fn give(self, sink: &mut dyn ::core::ops::FnMut(::tancho::Tensor)) {
                #(#given)*
            }
        }

        #[automatically_derived]
        impl #source_generics ::tancho::OnlyTensors<'tancho_sources> for #name #type_generics #only_tensors {}

        #[automatically_derived]
        impl #source_generics ::tancho::Sources for &'tancho_sources #name #type_generics #sources_where {
            type Grads = #name #type_generics;
            type Options = ::std::vec::Vec<::core::option::Option<::tancho::Tensor>>;

            fn visit<'tancho>(&'tancho self, visit: &mut dyn ::core::ops::FnMut(::tancho::Source<'tancho>)) {
                ::tancho::visit_sources(*self, visit);
            }

            fn rebuild(&self, grads: &mut dyn ::core::ops::FnMut() -> ::tancho::Tensor) -> Self::Grads {
                ::tancho::Tree::rebuild(*self, grads)
            }

            fn rebuild_options(
                &self,
                grads: &mut dyn ::core::ops::FnMut() -> ::core::option::Option<::tancho::Tensor>,
            ) -> Self::Options {
                ::tancho::flatten(*self).iter().map(|_| grads()).collect()
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_error(item: TokenStream, expected: &str) {
        assert_eq!(expand(item).unwrap_err().to_string(), expected);
    }

    #[test]
    fn what_is_no_tree_says_why() {
        check_error(
            quote!(
                enum Choice {
                    A,
                    B,
                }
            ),
            "Tree can be derived for structs only; a choice that shapes the graph is a `Static` value",
        );
        let lifetimes = "a Tree owns its tensors, so that it has no lifetimes";
        check_error(
            quote!(
                struct Borrowed<'a> {
                    x: &'a Tensor,
                }
            ),
            lifetimes,
        );
    }
}
