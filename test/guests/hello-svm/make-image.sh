#!/usr/bin/env bash
# Makes the operand of the sample, hello-svm.esmb, and initrd-esmb.img with IBM's svm-tool, for the emulated TPM of seed 1.
# Usage: make-image.sh SVM_TOOL, where SVM_TOOL is a checkout of open-power/svm-tools.
# Needs python3 with pycryptodome, libfdt and yaml, cpio and Debian's powerpc64le cross binutils.
set -euo pipefail
svm_tool=${1:?the folder of a checkout of open-power/svm-tools}
cd "$(dirname "$0")"
node ../../../dist/pef.js tpm pubkey --seed 1 > tpm.pem
export CROSS_COMPILE=powerpc64le-linux-gnu- PYTHONPATH=$svm_tool
svm() { "${PYTHON:-python3}" -c 'import sys; from svm_tool.svm_tool import main; sys.argv[0] = "svm-tool"; sys.exit(main())' "$@"; }
# The key has no passphrase: the answer to the prompt is empty.
echo | svm esm make -b hello-svm.esmb -y svm_blob.yml
svm svm add -i initrd.txt -b hello-svm.esmb -f initrd-esmb.img
