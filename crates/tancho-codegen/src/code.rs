//! Machine code: compilation through Cranelift or the [`wide`] emitter, and the cache that the whole process shares.
//!
//! The key of a kernel's code is its text and the [`Isa`] that was asked for. Kernels that the cache lacks are emitted as one batch into one `JITModule`,
//! which their [`Code`]s share; its memory is freed when the last of them goes. Whoever calls a function holds its `Code`,
//! so that it cannot go during a call. The cache keeps a bounded number of codes, and lets go of those that nobody else
//! holds, the least recently used first.

#![allow(unsafe_code)]

use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use cranelift_codegen::ir::UserFuncName;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{Context, control::ControlPlane};
use cranelift_frontend::FunctionBuilderContext;
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Module, ModuleError, default_libcall_names};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::emit::{self, EmitError, KernelFunction};
use crate::kernel::Kernel;
use crate::procedure::Procedure;
use crate::wide::{self, Isa};

/// The most codes that the cache keeps, if nobody else holds more.
const CACHE_CAPACITY: usize = 4096;

/// What machine code is made of.
#[derive(Clone, Debug)]
pub enum Source {
    Kernel(Arc<Kernel>),
    Procedure(Arc<Procedure>),
}

impl From<Arc<Kernel>> for Source {
    fn from(kernel: Arc<Kernel>) -> Self {
        Source::Kernel(kernel)
    }
}

impl From<Arc<Procedure>> for Source {
    fn from(procedure: Arc<Procedure>) -> Self {
        Source::Procedure(procedure)
    }
}

/// The text, which is the key of the code.
impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Kernel(kernel) => kernel.fmt(f),
            Source::Procedure(procedure) => procedure.fmt(f),
        }
    }
}

/// The machine code of a kernel or a procedure.
pub struct Code {
    source: Source,
    isa: Isa,
    text: Arc<str>,
    function: KernelFunction,
    /// Where the function lies; held, not used.
    _memory: Arc<CodeMemory>,
}

/// The memory of a batch of functions.
struct CodeMemory {
    module: ManuallyDrop<JITModule>,
}

// SAFETY: the module is not used after the batch is finished, but to free its memory; what it holds may go between threads.
unsafe impl Send for CodeMemory {}
// SAFETY: as above; there is no access through a shared reference at all.
unsafe impl Sync for CodeMemory {}

impl Drop for CodeMemory {
    fn drop(&mut self) {
        // SAFETY: the module is taken once, here. Every `Code` with a function in it has gone, and whoever calls a function
        // holds its `Code`, so that none runs and none will be called.
        unsafe { ManuallyDrop::take(&mut self.module).free_memory() }
    }
}

impl Code {
    /// The function; it is valid as long as the code is held.
    pub fn function(&self) -> KernelFunction {
        self.function
    }

    /// The kernel, where it is one's code.
    pub fn kernel(&self) -> Option<&Arc<Kernel>> {
        match &self.source {
            Source::Kernel(kernel) => Some(kernel),
            Source::Procedure(_) => None,
        }
    }

    /// The kernel's text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The kernel in Cranelift IR, written anew: what Cranelift would be given, also where the wide emitter made the code.
    pub fn clif(&self) -> String {
        let mut context = Context::new();
        match isa().and_then(|isa| build(&self.source, &mut context, &mut FunctionBuilderContext::new(), isa)) {
            Ok(()) => context.func.display().to_string(),
            Err(error) => error.to_string(),
        }
    }

    /// The machine code as text, compiled anew. Its first line says so where the wide emitter made it.
    pub fn asm(&self) -> String {
        disassemble(&self.source, self.isa).unwrap_or_else(|error| error.to_string())
    }
}

/// The code of kernels and procedures, from the cache or made now, for [`Isa::current`].
///
/// # Errors
/// The processor lacks what the code needs, or the code generator fails.
pub fn compile<S: Clone + Into<Source>>(sources: &[S]) -> Result<Vec<Arc<Code>>, EmitError> {
    compile_for(Isa::current(), sources)
}

/// As [`compile`], for a given emitter; what it does not take is compiled by Cranelift.
///
/// # Errors
/// As those of [`compile`].
pub fn compile_for<S: Clone + Into<Source>>(isa: Isa, sources: &[S]) -> Result<Vec<Arc<Code>>, EmitError> {
    if !isa.is_supported() {
        return Err(EmitError::Processor(format!("it has no {}", isa.name())));
    }
    let sources: Vec<Source> = sources.iter().cloned().map(Into::into).collect();
    let texts: Vec<Arc<str>> = sources.iter().map(|source| source.to_string().into()).collect();
    let mut codes = cache().find(isa, &texts);
    let mut seen: FxHashSet<&str> = FxHashSet::default();
    let missing: Vec<usize> =
        (0..sources.len()).filter(|&index| codes[index].is_none() && seen.insert(&texts[index])).collect();
    if !missing.is_empty() {
        let batch: Vec<(Source, Arc<str>)> =
            missing.iter().map(|&index| (sources[index].clone(), texts[index].clone())).collect();
        let made = emit_batch(&batch, isa)?;
        cache().insert(&made);
        let made: FxHashMap<&str, &Arc<Code>> = made.iter().map(|code| (&*code.text, code)).collect();
        for (code, text) in codes.iter_mut().zip(&texts) {
            if code.is_none() {
                *code = made.get(&**text).map(|&code| code.clone());
            }
        }
    }
    Ok(codes.into_iter().map(|code| code.expect("what was missing has been made")).collect())
}

/// The number of kernels that the process has emitted so far.
pub fn compiled_count() -> usize {
    COMPILED.load(Ordering::Relaxed)
}

/// Lets the cache go of all code that nobody else holds, and so frees its memory.
pub fn trim() {
    cache().codes.retain(|_, (code, _)| Arc::strong_count(code) > 1);
}

static COMPILED: AtomicUsize = AtomicUsize::new(0);

/// What code is found by.
type Key = (Isa, Arc<str>);

/// The codes by their emitters and kernels' texts, with the time of their last use.
struct Cache {
    codes: FxHashMap<Key, (Arc<Code>, u64)>,
    time: u64,
    capacity: usize,
}

fn cache() -> MutexGuard<'static, Cache> {
    static CACHE: OnceLock<Mutex<Cache>> = OnceLock::new();
    // A panic while the lock is held leaves a map that is whole.
    CACHE.get_or_init(|| Mutex::new(Cache::new(CACHE_CAPACITY))).lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cache {
    fn new(capacity: usize) -> Cache {
        Cache { codes: FxHashMap::default(), time: 0, capacity }
    }

    fn find(&mut self, isa: Isa, texts: &[Arc<str>]) -> Vec<Option<Arc<Code>>> {
        self.time += 1;
        let time = self.time;
        let mut find = |text: &Arc<str>| {
            self.codes.get_mut(&(isa, text.clone())).map(|(code, used)| {
                *used = time;
                code.clone()
            })
        };
        texts.iter().map(&mut find).collect()
    }

    fn insert(&mut self, codes: &[Arc<Code>]) {
        self.time += 1;
        for code in codes {
            self.codes.insert((code.isa, code.text.clone()), (code.clone(), self.time));
        }
        if self.codes.len() > self.capacity {
            self.trim();
        }
    }

    /// Lets go of an eighth of the capacity and what is beyond it.
    fn trim(&mut self) {
        let mut unused: Vec<(u64, Key)> = self
            .codes
            .iter()
            .filter(|(_, (code, _))| Arc::strong_count(code) == 1)
            .map(|(key, (_, used))| (*used, key.clone()))
            .collect();
        unused.sort_unstable();
        let surplus = self.codes.len() - self.capacity * 7 / 8;
        for (_, key) in unused.into_iter().take(surplus) {
            self.codes.remove(&key);
        }
    }
}

/// The target, made once.
fn isa() -> Result<&'static OwnedTargetIsa, EmitError> {
    static ISA: OnceLock<Result<OwnedTargetIsa, EmitError>> = OnceLock::new();
    ISA.get_or_init(make_isa).as_ref().map_err(Clone::clone)
}

fn make_isa() -> Result<OwnedTargetIsa, EmitError> {
    #[cfg(target_arch = "x86_64")]
    let has_fma = std::is_x86_feature_detected!("fma") && std::is_x86_feature_detected!("avx2");
    #[cfg(not(target_arch = "x86_64"))]
    let has_fma = false;
    if !has_fma {
        // Without it Cranelift would call a library for every fused multiply and add.
        return Err(EmitError::Processor("it is no x86-64 with AVX2 and FMA".to_string()));
    }
    let generator = |error: &dyn std::fmt::Display| EmitError::Generator(error.to_string());
    let mut flags = settings::builder();
    let verify = if std::env::var_os("TANCHO_VERIFY").is_some() { "true" } else { "false" };
    for (name, value) in
        [("opt_level", "speed"), ("enable_verifier", verify), ("is_pic", "false"), ("unwind_info", "false")]
    {
        flags.set(name, value).map_err(|error| generator(&error))?;
    }
    let builder = cranelift_native::builder().map_err(|error| EmitError::Processor(error.to_string()))?;
    builder.finish(settings::Flags::new(flags)).map_err(|error| generator(&error))
}

/// Writes a kernel's or procedure's function into a context.
fn build(
    source: &Source,
    context: &mut Context,
    scratch: &mut FunctionBuilderContext,
    isa: &OwnedTargetIsa,
) -> Result<(), EmitError> {
    context.clear();
    context.func.signature = emit::signature(isa.default_call_conv());
    context.func.name = UserFuncName::user(0, 0);
    match source {
        Source::Kernel(kernel) => emit::build_function(kernel, &mut context.func, scratch, &**isa),
        Source::Procedure(procedure) => {
            emit::build_procedure(procedure, &mut context.func, scratch, &**isa);
            Ok(())
        }
    }
}

/// Machine code that has no place yet.
struct Bytes {
    code: Vec<u8>,
    alignment: u64,
}

fn compile_bytes(
    source: &Source,
    context: &mut Context,
    scratch: &mut FunctionBuilderContext,
    isa: &OwnedTargetIsa,
    wide: Isa,
) -> Result<Bytes, EmitError> {
    if let Some(code) = emit_wide(source, wide, false) {
        return Ok(Bytes { code: code?.bytes, alignment: wide::ALIGNMENT });
    }
    build(source, context, scratch, isa)?;
    let code = context
        .compile(&**isa, &mut ControlPlane::default())
        .map_err(|error| EmitError::Generator(format!("{:?}", error.inner)))?;
    if !code.buffer.relocs().is_empty() {
        return Err(EmitError::Generator("the code refers to another place".to_string()));
    }
    Ok(Bytes { code: code.code_buffer().to_vec(), alignment: u64::from(code.buffer.alignment) })
}

/// The code of the wide emitter, if it takes the source.
fn emit_wide(source: &Source, isa: Isa, with_listing: bool) -> Option<Result<wide::WideCode, EmitError>> {
    match source {
        Source::Kernel(kernel) => wide::emit(kernel, isa, with_listing),
        Source::Procedure(_) => None,
    }
}

fn disassemble(source: &Source, wide: Isa) -> Result<String, EmitError> {
    if let Some(code) = emit_wide(source, wide, true) {
        return code.map(|code| code.listing);
    }
    let isa = isa()?;
    let mut context = Context::new();
    build(source, &mut context, &mut FunctionBuilderContext::new(), isa)?;
    context.set_disasm(true);
    let code = context
        .compile(&**isa, &mut ControlPlane::default())
        .map_err(|error| EmitError::Generator(format!("{:?}", error.inner)))?;
    Ok(code.vcode.clone().unwrap_or_default())
}

/// Compiles kernels, on several threads where there are enough of them.
fn compile_all(batch: &[(Source, Arc<str>)], isa: &OwnedTargetIsa, wide: Isa) -> Result<Vec<Bytes>, EmitError> {
    let next = AtomicUsize::new(0);
    // Each thread takes the next kernel until there is none.
    let work = || {
        let (mut context, mut scratch) = (Context::new(), FunctionBuilderContext::new());
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some((source, _)) = batch.get(index) else { return Ok::<_, EmitError>(done) };
            done.push((index, compile_bytes(source, &mut context, &mut scratch, isa, wide)?));
        }
    };
    let n_threads = std::thread::available_parallelism().map_or(1, |n| n.get()).min(batch.len() / KERNELS_PER_THREAD);
    let mut done = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..n_threads).map(|_| scope.spawn(work)).collect();
        let mut done = work()?;
        for thread in threads {
            done.extend(thread.join().map_err(|_| EmitError::Generator("a thread panicked".to_string()))??);
        }
        Ok::<_, EmitError>(done)
    })?;
    done.sort_unstable_by_key(|&(index, _)| index);
    Ok(done.into_iter().map(|(_, bytes)| bytes).collect())
}

/// The kernels for which another thread is worth its start.
const KERNELS_PER_THREAD: usize = 4;

/// Emits kernels, no two of them alike, into memory of their own.
fn emit_batch(batch: &[(Source, Arc<str>)], wide: Isa) -> Result<Vec<Arc<Code>>, EmitError> {
    let isa = isa()?;
    let compiled = compile_all(batch, isa, wide)?;
    let mut module = JITModule::new(JITBuilder::with_isa(isa.clone(), default_libcall_names()));
    let ids = define_functions(&mut module, &compiled, isa);
    // From here on the memory is freed whatever happens.
    let memory = Arc::new(CodeMemory { module: ManuallyDrop::new(module) });
    let ids = ids?;
    let codes = batch.iter().zip(ids).map(|((source, text), id)| {
        let address = memory.module.get_finalized_function(id);
        // SAFETY: the address is that of finished code, which was compiled with this signature.
        let function = unsafe { std::mem::transmute::<*const u8, KernelFunction>(address) };
        Arc::new(Code { source: source.clone(), isa: wide, text: text.clone(), function, _memory: memory.clone() })
    });
    let codes = codes.collect();
    COMPILED.fetch_add(batch.len(), Ordering::Relaxed);
    Ok(codes)
}

fn define_functions(
    module: &mut JITModule,
    compiled: &[Bytes],
    isa: &OwnedTargetIsa,
) -> Result<Vec<FuncId>, EmitError> {
    let failed = |error: ModuleError| EmitError::Generator(format!("{error:?}"));
    let signature = emit::signature(isa.default_call_conv());
    let mut ids = Vec::with_capacity(compiled.len());
    for Bytes { code, alignment } in compiled {
        let id = module.declare_anonymous_function(&signature).map_err(failed)?;
        module.define_function_bytes(id, *alignment, code, &[]).map_err(failed)?;
        ids.push(id);
    }
    module.finalize_definitions().map_err(failed)?;
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use std::sync::Weak;

    use super::*;

    /// Twenty kernels that differ in a constant, each emitted into memory of its own.
    fn make_codes() -> Vec<Arc<Code>> {
        let code = |constant: usize| {
            let text = format!(
                "kernel map outer=0 {{\n  load a: f32 [1]\n  v0 = load a : f32\n  v1 = constant {constant}.5 : f32\n  \
                 v2 = add v0, v1 : f32\n  store v2: f32 [1]\n}}"
            );
            let kernel = Arc::new(Kernel::parse(&text).expect("is a kernel"));
            emit_batch(&[(Source::Kernel(kernel), text.into())], Isa::Cranelift).expect("compiles").remove(0)
        };
        (0..20).map(code).collect()
    }

    #[test]
    fn a_full_cache_lets_go_of_what_nobody_holds() {
        let mut cache = Cache::new(16);
        let codes = make_codes();
        let memories: Vec<Weak<CodeMemory>> = codes.iter().map(|code| Arc::downgrade(&code._memory)).collect();
        let texts: Vec<Arc<str>> = codes.iter().map(|code| code.text.clone()).collect();
        let held = codes[0].clone();
        cache.insert(&codes[..10]);
        cache.insert(&codes[10..16]);
        drop(codes);
        // The second one is used once more, so that it is no longer among the oldest.
        assert!(cache.find(Isa::Cranelift, &texts[1..2])[0].is_some());
        let extra = make_codes().split_off(16);
        cache.insert(&extra);
        assert_eq!(cache.codes.len(), 14);
        let is_alive = |index: usize| memories[index].upgrade().is_some();
        assert!(is_alive(0) && is_alive(1) && is_alive(15));
        assert_eq!((0..16).filter(|&index| is_alive(index)).count(), 10);
        drop(held);
        assert!(is_alive(0), "the cache holds it");
    }
}
