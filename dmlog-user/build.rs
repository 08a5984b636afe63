//! Builds the BPF object for feature `live`. Without that feature this does nothing and needs nothing.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "live")]
    object::build();
}

#[cfg(feature = "live")]
mod object {
    use std::path::{Path, PathBuf};
    use std::{env, fs, process};

    pub(crate) fn build() {
        if let Err(error) = try_build() {
            // One message, not a panic with a backtrace.
            println!("cargo::error={error}");
            #[expect(clippy::exit, reason = "a build script fails by its exit code")]
            process::exit(1);
        }
    }

    fn try_build() -> Result<(), Box<dyn std::error::Error>> {
        let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or("CARGO_MANIFEST_DIR is not set")?);
        let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
        let package = manifest.parent().unwrap_or(Path::new("/")).join("dmlog-ebpf");
        println!("cargo::rerun-if-changed={}", package.display());
        println!("cargo::rerun-if-env-changed=DMLOG_BPF_LINKER");
        let object = bpf_toolchain::find()?.build_object(&package, &out.join("bpf"))?;
        fs::copy(object, out.join("dmlog.o"))?;
        Ok(())
    }
}
