#[test]
fn shared_files() {
    for path in [
        "data/mnist/images.npy",
        "data/mnist/labels.npy",
        "data/mnist/logits_f64.npy",
        "models/basic-pitch/input.serving_default_input_2_0.npy",
        "models/magika/input.bytes.npy",
        "models/silero-vad/input.c.npy",
        "models/silero-vad/output.cn.npy",
    ] {
        let a = tancho_formats::read_npy(format!("/work/shared/{path}")).unwrap();
        println!("{path} {} {}", a.dtype(), a.shape());
    }
    for (name, a) in tancho_formats::read_safetensors("/work/shared/data/mnist/mlp.safetensors").unwrap() {
        println!("{name} {} {}", a.dtype(), a.shape());
    }
}
#[test]
fn nested() {
    let text = format!("{{'shape': {}", "(".repeat(60_000));
    let bytes = [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes()].concat();
    println!("{:?}", npyz::NpyFile::new(&bytes[..]).map(|_| ()));
}
#[test]
fn nested_closed() {
    let text = format!("{{'shape': {}{}}}", "[".repeat(30_000), "]".repeat(30_000));
    let bytes = [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes()].concat();
    println!("{:?}", npyz::NpyFile::new(&bytes[..]).map(|_| ()));
}
#[test]
fn overflow() {
    let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4294967296), }";
    let bytes = [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes()].concat();
    println!("{:?}", std::panic::catch_unwind(|| npyz::NpyFile::new(&bytes[..]).map(|_| ())).is_err());
}
