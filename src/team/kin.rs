//! Which versions have one data key, and which paths are of one file: they share a data key.

use std::collections::HashMap;
use std::collections::HashSet;
use std::hash::BuildHasher as _;
use std::hash::RandomState;
use std::rc::Rc;

use crate::sops::SealedFile;

use super::exposure::Past;
use super::exposure::PastVersion;

/// The versions of several paths, and how the paths hang together.
pub struct Kin {
    /// Path by path, the version of now first.
    versions: Vec<Rc<PastVersion>>,
    /// The number of each version's data key.
    keys: Vec<usize>,
    /// Where each path's versions begin, and at the end where the last ones end.
    starts: Vec<usize>,
    /// The number of each path's file.
    files: Vec<usize>,
}

impl Kin {
    /// Takes the versions of each path.
    pub fn of(paths: Vec<Vec<Rc<PastVersion>>>) -> Self {
        let mut starts = vec![0];
        let mut versions = Vec::new();
        for of_path in paths {
            versions.extend(of_path);
            starts.push(versions.len());
        }
        let keys = same_keys(&versions);
        let mut sets = Sets::new(starts.len() - 1);
        let mut first_with: HashMap<usize, usize> = HashMap::new();
        for (path, range) in starts.windows(2).enumerate() {
            for key in &keys[range[0]..range[1]] {
                sets.join(path, *first_with.entry(*key).or_insert(path));
            }
        }
        let files = (0..starts.len() - 1).map(|path| sets.root(path)).collect();
        Self { versions, keys, starts, files }
    }

    /// Returns the past of a path's file: its own versions, then those of every path that it was at.
    pub fn past(&self, path: usize) -> Past {
        let others = (0..self.files.len()).filter(|other| *other != path && self.files[*other] == self.files[path]);
        let places = std::iter::once(path).chain(others).flat_map(|path| self.starts[path]..self.starts[path + 1]);
        let (versions, keys) = places.map(|at| (Rc::clone(&self.versions[at]), self.keys[at])).unzip();
        Past::numbered(versions, keys)
    }

    /// Tells whether no path of the same file comes before this one.
    pub fn is_first_path(&self, path: usize) -> bool {
        self.files[path] == path
    }

    /// Tells whether a path had versions, and its file is at none of these paths.
    pub fn is_apart_from(&self, path: usize, others: &HashSet<usize>) -> bool {
        let is_of_file = |other: &usize| self.files[*other] == self.files[path];
        self.starts[path] < self.starts[path + 1] && !others.iter().any(is_of_file)
    }
}

/// Returns what only files of one data key share: each ciphertext and each wrap, since neither can be copied under another key.
pub fn marks(file: &SealedFile) -> impl Iterator<Item = Vec<u8>> {
    let texts = file.lines().filter(|(_, text)| SealedFile::is_encrypted(text)).map(|(_, text)| text.to_vec());
    texts.chain(file.metadata().wraps().map(|wrap| wrap.armor.clone()))
}

/// Returns each file that shares its data key with an earlier one, and that one: a copy, whose readers open both.
pub fn copies(files: &[&SealedFile]) -> Vec<(usize, usize)> {
    let mut first_with: HashMap<Vec<u8>, usize> = HashMap::new();
    let copy = |(index, file): (usize, &&SealedFile)| {
        let first = marks(file).map(|mark| *first_with.entry(mark).or_insert(index)).min();
        first.filter(|first| *first != index).map(|first| (index, first))
    };
    files.iter().enumerate().filter_map(copy).collect()
}

/// Gives versions of one data key the same number.
pub fn same_keys(versions: &[Rc<PastVersion>]) -> Vec<usize> {
    let hasher = RandomState::new();
    let mut sets = Sets::new(versions.len());
    let mut first_with: HashMap<u64, usize> = HashMap::new();
    for (index, version) in versions.iter().enumerate() {
        for mark in version.marks() {
            sets.join(index, *first_with.entry(hasher.hash_one(mark)).or_insert(index));
        }
    }
    (0..versions.len()).map(|index| sets.root(index)).collect()
}

/// Numbers in sets that are joined; each set is named by its smallest number.
struct Sets(Vec<usize>);

impl Sets {
    fn new(count: usize) -> Self {
        Self((0..count).collect())
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.0[one.max(other)] = one.min(other);
    }

    fn root(&mut self, mut at: usize) -> usize {
        while self.0[at] != at {
            self.0[at] = self.0[self.0[at]];
            at = self.0[at];
        }
        at
    }
}
