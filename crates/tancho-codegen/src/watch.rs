//! Who watches the steps of a run: nobody in a call, a clock in a profile.
//!
//! The code that runs steps is generic over its watch, so that a call's is compiled without one.

/// Is told when steps begin and end, on the thread that called the plan.
pub(crate) trait Watch {
    /// What the end of a step needs to know of its beginning.
    type Begun: Copy;

    /// A step of the current plan begins, the one of this number.
    fn begin(&mut self, step: usize) -> Self::Begun;

    /// The step that began last and has not ended does so.
    fn end(&mut self, begun: Self::Begun);

    /// The step at hand runs its nested plan of this number: steps are that one's until [`Watch::leave`].
    fn enter(&mut self, nested: usize);

    fn leave(&mut self);
}

/// Nobody.
pub(crate) struct NoWatch;

impl Watch for NoWatch {
    type Begun = ();

    #[inline(always)]
    fn begin(&mut self, _step: usize) {}

    #[inline(always)]
    fn end(&mut self, _begun: ()) {}

    #[inline(always)]
    fn enter(&mut self, _nested: usize) {}

    #[inline(always)]
    fn leave(&mut self) {}
}
