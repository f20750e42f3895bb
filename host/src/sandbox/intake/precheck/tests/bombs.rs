//! The uploads that were measured to take a compiler seconds to minutes and gigabytes, each refused by
//! the limit that was made for it.

use wasm_encoder::{
    BlockType, CodeSection, Component, DataSection, DataSegment, DataSegmentMode, Function,
    FunctionSection, Instruction, MemorySection, MemoryType, Module, ModuleSection, TypeSection,
    ValType,
};

use super::*;

fn refused_by(name: &str, bomb: &Module) {
    let mut component = Component::new();
    component.section(&ModuleSection(bomb));
    for upload in [component.finish(), bomb.clone().finish()] {
        let error = check(&upload, &IntakeLimits::default()).err();
        let words = error.expect(name).to_string();
        assert!(
            words.contains(&format!("`intake.limits.{name}`")),
            "{name}: {words}"
        );
    }
}

/// A module of these types, with `count` functions of the first one, all with this body.
fn module(types: &TypeSection, count: u32, body: &Function) -> Module {
    let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
    for _ in 0..count {
        functions.function(0);
        code.function(body);
    }
    let mut module = Module::new();
    module.section(types).section(&functions).section(&code);
    module
}

fn nothing() -> TypeSection {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types
}

fn body(locals: u32, instructions: impl IntoIterator<Item = Instruction<'static>>) -> Function {
    let mut body = Function::new((locals > 0).then_some((locals, ValType::I64)));
    for instruction in instructions {
        body.instruction(&instruction);
    }
    body.instruction(&Instruction::End);
    body
}

fn nested(with: &Instruction<'static>, levels: usize) -> Vec<Instruction<'static>> {
    let mut all = vec![with.clone(); levels];
    all.extend(vec![Instruction::End; levels]);
    all
}

#[test]
fn blocks_with_many_results_and_a_branch_to_each() {
    // 17.0 s and 5.8 GiB at 1,000 by 1,000. As wide as types may be, the branches are too many.
    let bomb = |width: usize, levels: u32| {
        let mut types = nothing();
        types.ty().function([], vec![ValType::I64; width]);
        let mut all = vec![Instruction::Block(BlockType::FunctionType(1)); levels as usize];
        all.push(Instruction::Unreachable);
        all.push(Instruction::BrTable((0..levels).collect(), 0));
        for _ in 0..levels {
            all.push(Instruction::End);
            all.push(Instruction::Unreachable);
        }
        module(&types, 1, &body(0, all))
    };
    refused_by("params_results_max", &bomb(1_000, 1_000));
    refused_by("params_results_max", &bomb(500, 500));
    let one = bomb(32, 1_000);
    assert!(check(&one.finish(), &IntakeLimits::default()).is_ok());
    let mut types = nothing();
    types.ty().function([], vec![ValType::I64; 32]);
    let mut all = vec![Instruction::Block(BlockType::FunctionType(1)); 1_000];
    all.push(Instruction::Unreachable);
    for _ in 0..3 {
        all.push(Instruction::BrTable(
            (0..1_000).collect::<Vec<u32>>().into(),
            0,
        ));
    }
    all.extend(vec![Instruction::End; 1_000]);
    refused_by("branch_values_max", &module(&types, 1, &body(0, all)));
}

#[test]
fn functions_with_many_locals() {
    // 1.6 s in 8 KB.
    refused_by("locals_max", &module(&nothing(), 1_000, &body(50_000, [])));
    // The same spread thin.
    refused_by(
        "locals_sum_max",
        &module(&nothing(), 1_000, &body(2_000, [])),
    );
}

#[test]
fn many_loops_in_one_function() {
    // 38.9 s in 120 KB.
    let loops = |n: usize| {
        let pair = [Instruction::Loop(BlockType::Empty), Instruction::End];
        let all = std::iter::repeat_n(pair, n).flatten();
        module(&nothing(), 1, &body(0, all))
    };
    refused_by("loops_max", &loops(40_000));
    refused_by("loops_max", &loops(20_000));
}

#[test]
fn nested_loops_over_live_locals() {
    // 5.3 s in 45 KB at 200 loops and 5,000 locals.
    let all = nested(&Instruction::Loop(BlockType::Empty), 200);
    refused_by("locals_max", &module(&nothing(), 1, &body(5_000, all)));
    let all = nested(&Instruction::Block(BlockType::Empty), 1_025);
    refused_by("nesting_max", &module(&nothing(), 1, &body(0, all)));
}

#[test]
fn many_wide_function_types() {
    // 142.8 s and 315 MB of output in 10 MB, one trampoline a type.
    let types = |count: usize, width: usize| {
        let mut types = TypeSection::new();
        for i in 0..count {
            let mut params = vec![ValType::I64; width];
            params[i % width] = ValType::F32;
            types.ty().function(params, []);
        }
        let mut module = Module::new();
        module.section(&types);
        module
    };
    refused_by("params_results_max", &types(1_000, 1_000));
    refused_by("types_max", &types(20_000, 32));
}

#[test]
fn many_empty_functions() {
    // 39.2 s and 5.4 GiB in 4 MB.
    refused_by(
        "functions_max",
        &module(&nothing(), 1_000_000, &body(0, [])),
    );
}

#[test]
fn many_data_segments() {
    // A panic of the compiler once, 48 s and 2 GiB later.
    let mut data = DataSection::new();
    for _ in 0..40_000 {
        data.segment(DataSegment {
            mode: DataSegmentMode::Passive,
            data: [0],
        });
    }
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut bomb = Module::new();
    bomb.section(&memories).section(&data);
    refused_by("data_segments_max", &bomb);
}

#[test]
fn one_long_function() {
    // 2.2 s and 638 MiB in 3 MB: the honest case for scale, and above what honest components have.
    let add = [Instruction::I32Const(1), Instruction::Drop];
    let all = std::iter::repeat_n(add, 1_000_000).flatten();
    refused_by("body_bytes_max", &module(&nothing(), 1, &body(0, all)));
}

/// A component whose one type is an instance type in an instance type, so many levels deep.
fn nested_types(levels: usize) -> Vec<u8> {
    let mut section = vec![0x01];
    section.extend([0x42, 0x01, 0x01].repeat(levels - 1));
    section.extend([0x42, 0x00]);
    let mut upload = b"\0asm\x0d\0\x01\0\x07".to_vec();
    let mut left = section.len();
    while left >= 0x80 {
        upload.push((left & 0x7f) as u8 | 0x80);
        left >>= 7;
    }
    upload.push(left as u8);
    upload.extend(section);
    upload
}

#[test]
fn types_nested_deeper_than_any_stack() {
    // Three bytes a level: the parser descends once for each, before its own limit is asked, and the
    // overflow of its stack would end the process.
    let limits = IntakeLimits::default();
    let error = check(&nested_types(1_000_000), &limits).err();
    let words = error.expect("too deep").to_string();
    assert!(
        words.ends_with("`intake.limits.type_depth_max` is 100 levels, got 1000000"),
        "{words}"
    );
    // As deep as may be, on the smallest stack that uploads are checked on.
    let deepest = nested_types(100);
    let small = std::thread::Builder::new().stack_size(1 << 20);
    let checked = small.spawn(move || check(&deepest, &IntakeLimits::default()).map(|_| ()));
    checked
        .expect("thread")
        .join()
        .expect("no panic")
        .expect("as deep as the validator allows");
}
