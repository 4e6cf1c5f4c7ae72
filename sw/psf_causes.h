/* SPDX-License-Identifier: Apache-2.0 */
/* Written by `python -m golden.hardware.interface`: the codes of ERROR_CAUSE. */
#ifndef PSF_CAUSES_H
#define PSF_CAUSES_H

enum psf_cause {
  PSF_CAUSE_NONE = 0,
  PSF_CAUSE_OPCODE = 1,
  PSF_CAUSE_FIELD = 2,
  PSF_CAUSE_READ = 3,
  PSF_CAUSE_WRITE = 4,
  PSF_CAUSE_PROGRAM_CRC = 5,
  PSF_CAUSE_WEIGHT_CRC = 6,
  PSF_CAUSE_NO_END = 7,
  PSF_CAUSE_OVERRUN = 8,
  PSF_CAUSE_READ_WINDOW = 9,
  PSF_CAUSE_WRITE_WINDOW = 10,
  PSF_CAUSE_PARITY = 11,
  PSF_CAUSE_TIMEOUT = 12,
  PSF_CAUSE_ABORT = 13,
  PSF_CAUSE_IMAGE_CRC = 14
};

#define PSF_CAUSES(X) \
  X(NONE, 0, "no error") \
  X(OPCODE, 1, "unknown opcode") \
  X(FIELD, 2, "a descriptor field is out of range") \
  X(READ, 3, "SLVERR or DECERR on a read") \
  X(WRITE, 4, "SLVERR or DECERR on a write") \
  X(PROGRAM_CRC, 5, "the CRC-32 of a descriptor is wrong") \
  X(WEIGHT_CRC, 6, "the CRC-32 of the data of a load is wrong") \
  X(NO_END, 7, "PROGRAM_COUNT descriptors without OP_END") \
  X(OVERRUN, 8, "beyond the end of a memory on the chip") \
  X(READ_WINDOW, 9, "a read outside its window; it was not issued") \
  X(WRITE_WINDOW, 10, "a write outside its window; not issued") \
  X(PARITY, 11, "wrong parity in a memory on the chip") \
  X(TIMEOUT, 12, "a job took more than WATCHDOG cycles") \
  X(ABORT, 13, "CTRL.abort") \
  X(IMAGE_CRC, 14, "the CRC-32 of an image is not that of its ring entry")

#endif
