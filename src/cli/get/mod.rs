//! `kinescope get`

mod key;
mod objects;

use clap::ValueEnum;

use super::exit::{Failure, Outcome};
use super::keys::KeyringArgs;
use super::moment::AtArg;
use super::release::ReleaseArg;
use super::source::SourceArgs;
use super::ui::Ui;

/// Show objects as kubectl shows them, or one key as it is stored
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kinescope get state.db pods                          all Pods, in a table
  kinescope get state.db deploy/web -n shop -o yaml    one Deployment, as kubectl prints it
  kinescope get state.db secrets -A --token-file token encrypted Secrets, opened with k3s's token
  kinescope get snapshot cm -l app=web --at 1200       ConfigMaps as they were at revision 1200
  kinescope get state.db /registry/pods/shop/web --raw the stored bytes")]
pub struct Args {
    #[command(flatten)]
    source: SourceArgs,
    /// KIND, KIND/NAME or KIND,KIND with the names that kubectl knows; or a key that begins with a slash
    #[arg(value_name = "KIND", required_unless_present = "raw_key")]
    what: Option<String>,
    /// Names of objects of this kind
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// A key that does not begin with a slash
    #[arg(long = "key", value_name = "KEY", conflicts_with = "what")]
    raw_key: Option<String>,
    /// Only this namespace
    #[arg(long, short, value_name = "NS")]
    namespace: Option<String>,
    /// All namespaces; without -n they are meant anyway
    #[arg(long, short = 'A', conflicts_with = "namespace")]
    all_namespaces: bool,
    /// Only objects with these labels, as kubectl's -l
    #[arg(long, short = 'l', value_name = "SELECTOR")]
    selector: Option<String>,
    /// How to print
    #[arg(long, short, value_name = "FORM")]
    output: Option<Form>,
    #[command(flatten)]
    at: AtArg,
    /// Show metadata.managedFields
    #[arg(long)]
    show_managed_fields: bool,
    /// Show all labels in the table
    #[arg(long)]
    show_labels: bool,
    /// Show these labels as columns of the table
    #[arg(long, short = 'L', value_name = "LABEL", value_delimiter = ',')]
    label_columns: Vec<String>,
    /// Leave out the table's headings
    #[arg(long)]
    no_headers: bool,
    /// The same as -o raw
    #[arg(long, conflicts_with = "output")]
    raw: bool,
    /// Show secret values
    #[arg(long)]
    reveal: bool,
    #[command(flatten)]
    release: ReleaseArg,
    #[command(flatten)]
    keyring: KeyringArgs,
}

/// The forms of `-o`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// As kubectl get -o yaml
    Yaml,
    /// As kubectl get -o json
    Json,
    /// The table with more columns
    Wide,
    /// KIND/NAME alone
    Name,
    /// The value's bytes as they are stored, and nothing else
    Raw,
}

impl Args {
    fn is_raw(&self) -> bool {
        self.raw || self.output == Some(Form::Raw)
    }
}

/// # Errors
/// [`Failure`].
pub fn run(args: &Args, ui: &mut Ui) -> Result<Outcome, Failure> {
    let source = args.source.open_and_hash(ui)?;
    let raw_key = args.raw_key.as_deref();
    let name = raw_key.or(args.what.as_deref().filter(|what| what.starts_with('/'))).unwrap_or_default();
    let is_key = raw_key.is_some() || (!name.is_empty() && !name.ends_with('/'));
    if is_key && (args.output.is_none() || args.is_raw()) {
        return key::run(args, name, &source, ui);
    }
    objects::run(args, &source, ui)
}
