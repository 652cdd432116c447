//! The attribute `#[function]`, `#[derive(Tree)]` and `#[derive(Module)]`.
//!
//! Use them through the crate `tancho`: what they expand to names its items by the path `::tancho`.

#![forbid(unsafe_code)]

mod function;
mod tree;
mod module;

use proc_macro::TokenStream;

/// Makes a traced function of a free function over tensors, or of a method.
///
/// It is called as any other function, with `&x` to lend a tensor and `x` to give it, and has one cache for the whole
/// program. It returns `Result` of a tree, or tensors, alone or in tuples and arrays, which carry the error of a call
/// that failed.
///
/// A method takes `&self`, and up to seven arguments, in an `impl` block of a type that derives `Tree` (not of a trait).
/// The tensors of `self` are arguments like the others, and are lent; its static values and its variables are part of
/// the signature. In an `impl` with parameters each type has a cache of its own.
#[proc_macro_attribute]
pub fn function(attribute: TokenStream, item: TokenStream) -> TokenStream {
    function::expand(attribute.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Implements `Tree` for a struct whose fields are trees.
///
/// The fields are visited in order, under their names. A field that shapes the graph is a `Static`.
#[proc_macro_derive(Tree)]
pub fn derive_tree(item: TokenStream) -> TokenStream {
    tree::expand(item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Implements `Module` for a struct whose fields are modules: each is shown under its name.
///
/// A field of another type is marked `#[module(skip)]`.
#[proc_macro_derive(Module, attributes(module))]
pub fn derive_module(item: TokenStream) -> TokenStream {
    module::expand(item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}
