//! The cost of single rooms, without a process around them; `scripts/bench` measures whole processes against their peers.

use criterion::BenchmarkId;
use criterion::Criterion;
use criterion::Throughput;
use criterion::criterion_group;
use criterion::criterion_main;

use secrets::base::Name;
use secrets::base::Timestamp;
use secrets::base::Value;
use secrets::dotenv;
use secrets::sops::DataKey;
use secrets::sops::Draft;
use secrets::sops::Leniency;
use secrets::sops::NextSeal;
use secrets::sops::Place;
use secrets::sops::Recipient;
use secrets::sops::Row;
use secrets::sops::SealedFile;
use secrets::sops::Selector;

const SIZES: [usize; 4] = [1, 50, 500, 5_000];

fn draft(size: usize) -> Draft {
    let row = |i| {
        let name = Name::parse(format!("NAME_{i}")).expect("a legal name");
        Row::Entry(name, Value::from(format!("value-{i}-abcdefghijklmnopqrstuvwxyz")))
    };
    Draft { rows: (0..size).map(row).collect() }
}

fn now() -> Timestamp {
    Timestamp::parse(b"2026-01-02T03:04:05Z").expect("a time")
}

fn write(draft: &Draft, identity: &age::x25519::Identity) -> Vec<u8> {
    let recipient = Recipient::parse(&identity.to_public().to_string()).expect("a recipient");
    let selector = Selector::for_plain(&[]).expect("a selector");
    draft
        .write(&[recipient], &selector, Some(NextSeal::first(Place::default())), now())
        .expect("it can be written")
        .bytes
}

fn read(bytes: &[u8]) -> SealedFile {
    SealedFile::read(bytes, Leniency::None, None).expect("it was sealed by us").0
}

fn key(bytes: &[u8], identity: &age::x25519::Identity) -> DataKey {
    let mut unwrapping = read(bytes).unwrapping().expect("its wraps are whole");
    unwrapping.try_identity(identity, || None);
    unwrapping.finish().expect("32 bytes").expect("the identity fits")
}

fn sealed_files(criterion: &mut Criterion) {
    let identity = age::x25519::Identity::generate();
    let mut group = criterion.benchmark_group("sealed file");
    for size in SIZES {
        let draft = draft(size);
        let bytes = write(&draft, &identity);
        group.throughput(Throughput::Elements(size as u64));
        group.bench_with_input(BenchmarkId::new("read strictly", size), &bytes, |b, bytes| b.iter(|| read(bytes)));
        group.bench_with_input(BenchmarkId::new("read, unwrap, verify, decrypt", size), &bytes, |b, bytes| {
            b.iter(|| read(bytes).open(key(bytes, &identity)).expect("it opens"));
        });
        group.bench_with_input(BenchmarkId::new("change one value", size), &bytes, |b, bytes| {
            b.iter(|| {
                let opened = read(bytes).open(key(bytes, &identity)).expect("it opens");
                let mut next = Draft::of(&opened).expect("legal names");
                next.set(&Name::parse("NAME_0").expect("a legal name"), Value::from("new".to_string()));
                next.rewrite(&opened, None, opened.next_seal(), now()).expect("it can be written")
            });
        });
    }
    group.finish();
}

fn plain_files(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plain file");
    for size in SIZES {
        let text: String = (0..size).map(|i| format!("NAME_{i}=\"value {i} with \\\"quotes\\\"\" # note\n")).collect();
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_with_input(BenchmarkId::new("parse", size), &text, |b, text| {
            b.iter(|| dotenv::Document::parse(text.as_bytes()).expect("it parses"));
        });
    }
    group.finish();
}

criterion_group!(benches, sealed_files, plain_files);
criterion_main!(benches);
