//! One module for each task type. A new type is its file here and its line in [`all`].

use std::sync::Arc;

use crate::engine::operation::Operation;

pub mod bulk;
pub mod bundles;
pub mod compress;
pub mod convert;
pub mod custom;
pub mod decompress;
pub mod decrypt;
pub mod encrypt;
pub mod files;
pub mod folders;
pub mod migrate;
pub mod outcome;
pub mod passwords;
pub mod places;
pub mod previews;
pub mod relocate;
pub mod sealing;
pub mod transfer;
pub mod upload;

use places::Places;

/// Every operation of this server.
pub fn all(
    uploads: Arc<upload::registry::OpenUploads>,
    places: &Arc<Places>,
) -> Vec<Arc<dyn Operation>> {
    vec![
        Arc::new(upload::FileUpload::new(uploads)),
        Arc::new(relocate::FileMove::new(places.clone())),
        Arc::new(compress::FileCompress::new(places.clone())),
        Arc::new(decompress::FileDecompress::new(places.clone())),
        Arc::new(convert::operation::FileConversion::new(places.clone())),
        Arc::new(migrate::StorageMigration::new(places.clone())),
        Arc::new(bulk::BulkOperation),
        Arc::new(custom::Custom::new(places.clone())),
        Arc::new(encrypt::FileEncrypt::new(places.clone())),
        Arc::new(decrypt::FileDecrypt::new(places.clone())),
    ]
}
