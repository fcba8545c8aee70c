// How Rust ends: panics that abort, faults, a stack that is used up.
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::thread;
#[inline(never)]
fn fault(at: usize) { unsafe { std::ptr::write_volatile(at as *mut u32, 1) } }
#[inline(never)]
fn index(v: &[u32], i: usize) -> u32 { v[i] }
fn out_of_bounds() { println!("{}", index(&[1, 2], std::env::args().count() + 5)); }
fn unwrap_none() { let m: HashMap<String, u32> = HashMap::new(); println!("{}", m.get("x").unwrap()); }
fn null_write() { fault(8); }
fn in_closure() { let f: Box<dyn Fn(usize)> = Box::new(|at| fault(at)); [8usize].iter().for_each(|&at| f(at)); }
fn in_thread() { thread::Builder::new().name("worker".into()).spawn(|| fault(16)).unwrap().join().unwrap(); }
fn panic_in_thread() { thread::spawn(|| out_of_bounds()).join().unwrap(); }
#[inline(never)]
fn recurse(n: u64) -> u64 { let room = [n; 200]; if n == u64::MAX { 0 } else { recurse(n + 1) + std::hint::black_box(&room)[3] } }
fn overflow() { println!("{}", recurse(0)); }
fn overflow_in_thread() { thread::spawn(|| overflow()).join().unwrap(); }
struct Bomb;
impl Drop for Bomb { fn drop(&mut self) { panic!("in drop") } }
fn panic_in_drop() { let _bomb = Bomb; panic!("first"); }
trait Act { fn act(&self, n: usize); }
struct A; impl Act for A { fn act(&self, n: usize) { fault(n) } }
fn dynamic() { let a: Box<dyn Act> = Box::new(A); a.act(8); }
fn generic<T: std::fmt::Debug + Clone>(v: Vec<T>) { v.iter().map(|x| { fault(8); x.clone() }).collect::<Vec<_>>(); }
fn generics() { generic(vec![1, 2, 3]); }
fn sorts() { let mut v = vec![3, 1, 2]; v.sort_by(|a, b| { fault(8); a.cmp(b) }); }
fn poisoned() { let m = Arc::new(Mutex::new(0)); let n = m.clone(); let _ = thread::spawn(move || { let _g = n.lock(); panic!("held") }).join(); *m.lock().unwrap() += 1; }
fn aborts() { std::process::abort() }
fn no_memory() { let v: Vec<u8> = Vec::with_capacity(1usize << 46); println!("{:?}", v.as_ptr()); }
extern "C" fn handler(_: i32) { fault(24) }
extern "C" { fn qsort(base: *mut u32, n: usize, size: usize, f: extern "C" fn(*const u32, *const u32) -> i32); fn signal(n: i32, f: extern "C" fn(i32)) -> usize; fn raise(n: i32) -> i32; }
extern "C" fn compare(a: *const u32, b: *const u32) -> i32 { unsafe { fault(8); *a as i32 - *b as i32 } }
fn through_c() { let mut v = [3, 1, 2]; unsafe { qsort(v.as_mut_ptr(), 3, 4, compare) } println!("{:?}", v); }
fn in_signal() { unsafe { signal(10, handler); raise(10); } }
extern "C" fn panics(_: *const u32, _: *const u32) -> i32 { panic!("across C") }
fn panic_across_c() { let mut v = [3, 1, 2]; unsafe { qsort(v.as_mut_ptr(), 3, 4, panics) } println!("{:?}", v); }
fn main() {
    let actions: Vec<(&str, fn())> = vec![
        ("out_of_bounds", out_of_bounds), ("unwrap_none", unwrap_none), ("null_write", null_write), ("in_closure", in_closure), ("in_thread", in_thread),
        ("panic_in_thread", panic_in_thread), ("overflow", overflow), ("overflow_in_thread", overflow_in_thread), ("panic_in_drop", panic_in_drop),
        ("dynamic", dynamic), ("generics", generics), ("sorts", sorts), ("poisoned", poisoned), ("aborts", aborts), ("no_memory", no_memory),
        ("through_c", through_c), ("in_signal", in_signal), ("panic_across_c", panic_across_c),
    ];
    match std::env::args().nth(1) {
        None => actions.iter().for_each(|(name, _)| println!("{name}")),
        Some(wanted) => actions.iter().filter(|(name, _)| *name == wanted).for_each(|(_, run)| run()),
    }
}
