//! The ciphers as straight-line code over `u32`.

use tancho_tensor::DType;

use crate::kernel::{Binary, Body, Scalar};

/// About how many instructions a block takes.
pub(super) const THREEFRY_WORK: i64 = 100;
pub(super) const PHILOX_WORK: i64 = 120;

/// Threefry-2x32 with 20 rounds.
pub(super) fn threefry(body: &mut Body, key: [Scalar; 2], counter: [Scalar; 2]) -> [Scalar; 2] {
    const ROTATIONS: [[i64; 4]; 2] = [[13, 15, 26, 6], [17, 29, 16, 24]];
    let parity = body.integer(0x1bd1_1bda, DType::U32);
    let third = body.binary(Binary::Xor, key[0], key[1]);
    let keys = [key[0], key[1], body.binary(Binary::Xor, third, parity)];
    let [mut x, mut y] = [body.add(counter[0], keys[0]), body.add(counter[1], keys[1])];
    for group in 0..5 {
        for rotation in ROTATIONS[group % 2] {
            x = body.add(x, y);
            let rotated = rotate_left(body, y, rotation);
            y = body.binary(Binary::Xor, rotated, x);
        }
        x = body.add(x, keys[(group + 1) % 3]);
        let number = body.integer(group as i64 + 1, DType::U32);
        let key = body.add(keys[(group + 2) % 3], number);
        y = body.add(y, key);
    }
    [x, y]
}

fn rotate_left(body: &mut Body, x: Scalar, amount: i64) -> Scalar {
    let left = body.integer(amount, DType::U32);
    let right = body.integer(32 - amount, DType::U32);
    let left = body.binary(Binary::ShiftLeft, x, left);
    let right = body.binary(Binary::ShiftRightLogical, x, right);
    body.binary(Binary::Or, left, right)
}

/// Philox-4x32 with 10 rounds.
pub(super) fn philox(body: &mut Body, key: [Scalar; 2], counter: [Scalar; 4]) -> [Scalar; 4] {
    let ([mut left, mut right], [mut x, mut y, mut z, mut w]) = (key, counter);
    for _ in 0..10 {
        let [low_x, high_x] = multiply_wide(body, x, 0xd251_1f53);
        let [low_z, high_z] = multiply_wide(body, z, 0xcd9e_8d57);
        let first = body.binary(Binary::Xor, high_z, y);
        let third = body.binary(Binary::Xor, high_x, w);
        x = body.binary(Binary::Xor, first, left);
        z = body.binary(Binary::Xor, third, right);
        (y, w) = (low_z, low_x);
        let step = body.integer(0x9e37_79b9, DType::U32);
        left = body.add(left, step);
        let step = body.integer(0xbb67_ae85, DType::U32);
        right = body.add(right, step);
    }
    [x, y, z, w]
}

/// The low and the high half of a product.
fn multiply_wide(body: &mut Body, x: Scalar, factor: i64) -> [Scalar; 2] {
    let x = body.convert(x, DType::U64);
    let factor = body.integer(factor, DType::U64);
    let product = body.multiply(x, factor);
    let bits = body.integer(32, DType::U64);
    let high = body.binary(Binary::ShiftRightLogical, product, bits);
    [body.convert(product, DType::U32), body.convert(high, DType::U32)]
}
