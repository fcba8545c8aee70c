// Values of Rust for compare-values.ts.
use std::collections::HashMap;
use std::hint::black_box;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

#[derive(Debug, Clone)]
enum Shape {
    Empty,
    Circle(f64),
    Rect { width: u32, height: u32 },
}

#[derive(Debug, Clone)]
struct Item {
    name: String,
    price: i64,
    shape: Shape,
    tags: Vec<&'static str>,
    next: Option<Box<Item>>,
}

#[inline(never)]
fn crash(item: &Item, numbers: &[i32], text: &str, flag: bool) -> i64 {
    let total: i32 = numbers.iter().sum();
    let address = total as usize as *const i64;
    black_box((item, text, flag));
    unsafe { address.read_volatile() + item.price }
}

#[inline(never)]
fn hold(depth: u8) -> i64 {
    let item = Item {
        name: String::from("the item"),
        price: -5,
        shape: Shape::Rect { width: 3, height: 4 },
        tags: vec!["a", "b"],
        next: Some(Box::new(Item {
            name: String::new(),
            price: 7,
            shape: Shape::Circle(1.5),
            tags: vec![],
            next: None,
        })),
    };
    let numbers = vec![100, 200, 300];
    let empty = Shape::Empty;
    let some: Option<u32> = Some(9);
    let none: Option<u32> = None;
    let niche: Option<&Item> = Some(&item);
    let ok: Result<u8, String> = Ok(3);
    let err: Result<u8, String> = Err(String::from("bad"));
    let tuple = (1u8, 'é', 2.5f32);
    let array = [1u16, 2, 3];
    let counted = Rc::new(5);
    let shared = Arc::new(Mutex::new(6));
    let mut map = HashMap::new();
    map.insert("key", 1);
    let closure = |x: i64| x + i64::from(depth);
    let unit = ();
    let text = "literal";
    black_box((&empty, &some, &none, &niche, &ok, &err, &tuple, &array, &counted, &shared, &map, &unit));
    let result = crash(&item, &numbers, text, true);
    black_box((&item, &numbers, &empty, &some, &none, &niche, &ok, &err, &tuple, &array, &counted, &shared, &map));
    closure(result)
}

fn main() {
    let depth = std::env::args().count() as u8;
    println!("{}", hold(depth));
}
