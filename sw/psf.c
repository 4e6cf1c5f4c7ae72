/* SPDX-License-Identifier: Apache-2.0 */
#include "psf.h"

#include <stddef.h>

#define REG(name) offsetof(psf_regs_t, name)

enum { PLAIN = 4, CHECKED = 8 }; /* words of an entry of the ring */

static uint32_t get(const struct psf_device *device, size_t offset) {
  return psf_io_read(device->base + offset);
}

static void set(const struct psf_device *device, size_t offset, uint32_t value) {
  psf_io_write(device->base + offset, value);
}

/* The register with the high word of an address lies so far behind that with the low one. */
#define HIGH (REG(PROGRAM_BASE_HIGH) - REG(PROGRAM_BASE))

/* An address, which has been found to fit; hardware without high words is not asked for them. */
static void set_address(const struct psf_device *device, size_t offset, psf_address value) {
  set(device, offset, (uint32_t)value);
  if (device->address_bits > 32)
    set(device, offset + HIGH, (uint32_t)(value >> 32));
}

static psf_address get_address(const struct psf_device *device, size_t offset) {
  const psf_address high = device->address_bits > 32 ? get(device, offset + HIGH) : 0;
  return high << 32 | get(device, offset);
}

/* Whether the bus has such an address, and it is a multiple of `step`. */
static int fits(const struct psf_device *device, psf_address address, unsigned step) {
  const unsigned spare = 64u - device->address_bits;
  return address % step == 0 && address << spare >> spare == address;
}

static int running(const struct psf_device *device) {
  return (get(device, REG(STATUS)) & (PSF_REGS__STATUS__BUSY_bm | PSF_REGS__STATUS__STUCK_bm)) != 0;
}

enum psf_status psf_init(struct psf_device *device, uintptr_t base) {
  unsigned i;
  device->base = base;
  device->ring = NULL;
  device->ring_words = device->ring_mask = device->ring_head = 0;
  if (get(device, REG(ID)) != PSF_REGS__ID__ID_reset)
    return PSF_NOT_THERE;
  if (get(device, REG(VERSION)) >> PSF_REGS__VERSION__MAJOR_bp != PSF_REGS__VERSION__MAJOR_reset)
    return PSF_VERSION;
  device->address_bits = (uint8_t)(get(device, REG(BUS)) & PSF_REGS__BUS__ADDR_WIDTH_bm);
  for (i = 0; i < PSF_CAPABILITIES - 1; i++)
    device->capability[i] = get(device, REG(CAP0) + 4 * i);
  device->capability[i] = get(device, REG(CAP6)); /* lies elsewhere */
  set(device, REG(CTRL), PSF_REGS__CTRL__SOFT_RESET_bm);
  if (get(device, REG(STATUS)) & PSF_REGS__STATUS__STUCK_bm)
    return PSF_STUCK;
  return PSF_OK;
}

enum psf_status psf_windows(struct psf_device *device, struct psf_window reads,
                            struct psf_window writes) {
  const psf_address wanted[4] = {reads.first, reads.last, writes.first, writes.last};
  unsigned i;
  for (i = 0; i < 4; i += 2)
    if (!fits(device, wanted[i], 8) || !fits(device, wanted[i + 1] - 7, 8) ||
        wanted[i] > wanted[i + 1])
      return PSF_ARGUMENT;
  for (i = 0; i < 4; i++) {
    if (!(get(device, REG(WINDOW_LOCK)) & PSF_REGS__WINDOW_LOCK__LOCK_bm))
      set_address(device, REG(READ_BASE) + 4 * i, wanted[i]);
    if (get_address(device, REG(READ_BASE) + 4 * i) != wanted[i])
      return PSF_LOCKED;
  }
  return PSF_OK;
}

void psf_lock(struct psf_device *device) {
  set(device, REG(WINDOW_LOCK), PSF_REGS__WINDOW_LOCK__LOCK_bm);
}

void psf_watchdog(struct psf_device *device, uint32_t cycles) {
  set(device, REG(WATCHDOG), cycles);
}

enum psf_status psf_load(struct psf_device *device, const struct psf_network *network) {
  unsigned i;
  for (i = 0; i < PSF_CAPABILITIES; i++)
    if (network->capability[i] != device->capability[i])
      return PSF_CAPABILITY;
  if (!fits(device, network->program, 8) || !fits(device, network->weights, 8) ||
      network->descriptors == 0)
    return PSF_ARGUMENT;
  set_address(device, REG(PROGRAM_BASE), network->program);
  set_address(device, REG(WEIGHT_BASE), network->weights);
  set(device, REG(PROGRAM_COUNT), network->descriptors);
  return PSF_OK;
}

enum psf_status psf_start(struct psf_device *device, psf_address image, psf_address result) {
  if (!fits(device, image, 8) || !fits(device, result, 8))
    return PSF_ARGUMENT;
  if (running(device))
    return PSF_BUSY;
  set_address(device, REG(IMAGE_BASE), image);
  set_address(device, REG(RESULT_BASE), result);
  set(device, REG(CTRL), PSF_REGS__CTRL__START_bm);
  return PSF_OK;
}

enum psf_status psf_poll(struct psf_device *device) {
  const uint32_t status = get(device, REG(STATUS));
  if (status & PSF_REGS__STATUS__STUCK_bm)
    return PSF_STUCK;
  if (status & PSF_REGS__STATUS__BUSY_bm)
    return PSF_BUSY;
  return status & PSF_REGS__STATUS__ERROR_bm ? PSF_FAILED : PSF_OK;
}

enum psf_status psf_wait(struct psf_device *device, uint32_t looks) {
  for (; looks; looks--) {
    const enum psf_status status = psf_poll(device);
    if (status != PSF_BUSY)
      return status;
  }
  return PSF_TIMEOUT;
}

uint16_t psf_label(struct psf_device *device) {
  return (uint16_t)(get(device, REG(LABEL)) & PSF_REGS__LABEL__LABEL_bm);
}

uint32_t psf_cycles(struct psf_device *device) { return get(device, REG(CYCLES)); }

void psf_irq_enable(struct psf_device *device, uint32_t which) {
  set(device, REG(IRQ_ENABLE), which & (PSF_IRQ_JOB | PSF_IRQ_ERROR));
}

uint32_t psf_irq_take(struct psf_device *device) {
  const uint32_t raised = get(device, REG(IRQ_STATUS));
  set(device, REG(IRQ_STATUS), raised);
  return raised;
}

struct psf_error psf_error(struct psf_device *device) {
  struct psf_error error;
  error.cause = (uint8_t)(get(device, REG(ERROR_CAUSE)) & PSF_REGS__ERROR_CAUSE__CAUSE_bm);
  error.descriptor = (uint16_t)(get(device, REG(ERROR_INDEX)) & PSF_REGS__ERROR_INDEX__INDEX_bm);
  error.address = get(device, REG(ERROR_ADDR));
  error.address_high = (uint32_t)(get_address(device, REG(ERROR_ADDR)) >> 32);
  error.job = (uint16_t)(get(device, REG(ERROR_JOB)) & PSF_REGS__ERROR_JOB__JOB_bm);
  return error;
}

const char *psf_cause(uint8_t cause) {
  switch (cause) {
#define TEXT(name, value, text) \
  case value: \
    return text;
    PSF_CAUSES(TEXT)
#undef TEXT
  default:
    return "a cause that this driver does not know";
  }
}

const char *psf_text(enum psf_status status) {
  switch (status) {
  case PSF_OK:
    return "well";
  case PSF_BUSY:
    return "a run is not over yet";
  case PSF_NOT_THERE:
    return "there is no accelerator at this address";
  case PSF_VERSION:
    return "the accelerator has an incompatible register map";
  case PSF_CAPABILITY:
    return "the network was compiled for other hardware";
  case PSF_ARGUMENT:
    return "an address is not aligned or a size is out of range";
  case PSF_LOCKED:
    return "the windows are locked and differ";
  case PSF_FAILED:
    return "the accelerator stopped with an error";
  case PSF_STUCK:
    return "the bus never answered";
  case PSF_TIMEOUT:
    return "the run is still not over";
  case PSF_FULL:
    return "there is no room in the ring";
  case PSF_PACKAGE:
    return "not a package, or a damaged one";
  }
  return "a status that this driver does not know";
}

void psf_abort(struct psf_device *device) {
  set(device, REG(CTRL), PSF_REGS__CTRL__ABORT_bm);
}

static enum psf_status begin_ring(struct psf_device *device, volatile uint32_t *ring,
                                  psf_address address, unsigned log2_entries, unsigned words) {
  if (!fits(device, address, 16) || log2_entries > 15)
    return PSF_ARGUMENT;
  if (running(device))
    return PSF_BUSY;
  device->ring = ring;
  device->ring_words = (uint16_t)words;
  device->ring_mask = (uint16_t)((1u << log2_entries) - 1);
  device->ring_head = (uint16_t)get(device, REG(RING_TAIL));
  set_address(device, REG(RING_BASE), address);
  set(device, REG(RING_SIZE),
      log2_entries | (words == CHECKED ? PSF_REGS__RING_SIZE__CRC_bm : 0));
  return PSF_OK;
}

enum psf_status psf_ring(struct psf_device *device, volatile uint32_t *ring, psf_address address,
                         unsigned log2_entries) {
  return begin_ring(device, ring, address, log2_entries, PLAIN);
}

enum psf_status psf_ring_checked(struct psf_device *device, volatile uint32_t *ring,
                                 psf_address address, unsigned log2_entries) {
  return begin_ring(device, ring, address, log2_entries, CHECKED);
}

static enum psf_status push(struct psf_device *device, psf_address image, psf_address result,
                            int interrupt, unsigned words, uint32_t crc) {
  volatile uint32_t *entry;
  if (device->ring == NULL || device->ring_words != words || !fits(device, image, 8) || !fits(device, result, 8) ||
      (image | result) >> 63)
    return PSF_ARGUMENT;
  if (psf_pending(device) > device->ring_mask)
    return PSF_FULL;
  entry = device->ring + words * (size_t)(device->ring_head & device->ring_mask);
  entry[0] = (uint32_t)image;
  entry[1] = (uint32_t)result;
  entry[2] = (uint32_t)(image >> 32) << 1 | (interrupt != 0);
  entry[3] = (uint32_t)(result >> 32) << 1;
  if (words == CHECKED)
    entry[4] = crc;
  device->ring_head++;
  set(device, REG(RING_HEAD), device->ring_head);
  return PSF_OK;
}

enum psf_status psf_push(struct psf_device *device, psf_address image, psf_address result,
                         int interrupt) {
  return push(device, image, result, interrupt, PLAIN, 0);
}

enum psf_status psf_push_checked(struct psf_device *device, psf_address image, psf_address result,
                                 int interrupt, uint32_t crc) {
  return push(device, image, result, interrupt, CHECKED, crc);
}

uint16_t psf_pending(struct psf_device *device) {
  return (uint16_t)(device->ring_head - get(device, REG(RING_TAIL)));
}

uint32_t psf_crc(const void *bytes, uint32_t size, uint32_t before) {
  static const uint32_t of_byte[256] = {
      0x00000000u, 0x77073096u, 0xee0e612cu, 0x990951bau, 0x076dc419u, 0x706af48fu,
      0xe963a535u, 0x9e6495a3u, 0x0edb8832u, 0x79dcb8a4u, 0xe0d5e91eu, 0x97d2d988u,
      0x09b64c2bu, 0x7eb17cbdu, 0xe7b82d07u, 0x90bf1d91u, 0x1db71064u, 0x6ab020f2u,
      0xf3b97148u, 0x84be41deu, 0x1adad47du, 0x6ddde4ebu, 0xf4d4b551u, 0x83d385c7u,
      0x136c9856u, 0x646ba8c0u, 0xfd62f97au, 0x8a65c9ecu, 0x14015c4fu, 0x63066cd9u,
      0xfa0f3d63u, 0x8d080df5u, 0x3b6e20c8u, 0x4c69105eu, 0xd56041e4u, 0xa2677172u,
      0x3c03e4d1u, 0x4b04d447u, 0xd20d85fdu, 0xa50ab56bu, 0x35b5a8fau, 0x42b2986cu,
      0xdbbbc9d6u, 0xacbcf940u, 0x32d86ce3u, 0x45df5c75u, 0xdcd60dcfu, 0xabd13d59u,
      0x26d930acu, 0x51de003au, 0xc8d75180u, 0xbfd06116u, 0x21b4f4b5u, 0x56b3c423u,
      0xcfba9599u, 0xb8bda50fu, 0x2802b89eu, 0x5f058808u, 0xc60cd9b2u, 0xb10be924u,
      0x2f6f7c87u, 0x58684c11u, 0xc1611dabu, 0xb6662d3du, 0x76dc4190u, 0x01db7106u,
      0x98d220bcu, 0xefd5102au, 0x71b18589u, 0x06b6b51fu, 0x9fbfe4a5u, 0xe8b8d433u,
      0x7807c9a2u, 0x0f00f934u, 0x9609a88eu, 0xe10e9818u, 0x7f6a0dbbu, 0x086d3d2du,
      0x91646c97u, 0xe6635c01u, 0x6b6b51f4u, 0x1c6c6162u, 0x856530d8u, 0xf262004eu,
      0x6c0695edu, 0x1b01a57bu, 0x8208f4c1u, 0xf50fc457u, 0x65b0d9c6u, 0x12b7e950u,
      0x8bbeb8eau, 0xfcb9887cu, 0x62dd1ddfu, 0x15da2d49u, 0x8cd37cf3u, 0xfbd44c65u,
      0x4db26158u, 0x3ab551ceu, 0xa3bc0074u, 0xd4bb30e2u, 0x4adfa541u, 0x3dd895d7u,
      0xa4d1c46du, 0xd3d6f4fbu, 0x4369e96au, 0x346ed9fcu, 0xad678846u, 0xda60b8d0u,
      0x44042d73u, 0x33031de5u, 0xaa0a4c5fu, 0xdd0d7cc9u, 0x5005713cu, 0x270241aau,
      0xbe0b1010u, 0xc90c2086u, 0x5768b525u, 0x206f85b3u, 0xb966d409u, 0xce61e49fu,
      0x5edef90eu, 0x29d9c998u, 0xb0d09822u, 0xc7d7a8b4u, 0x59b33d17u, 0x2eb40d81u,
      0xb7bd5c3bu, 0xc0ba6cadu, 0xedb88320u, 0x9abfb3b6u, 0x03b6e20cu, 0x74b1d29au,
      0xead54739u, 0x9dd277afu, 0x04db2615u, 0x73dc1683u, 0xe3630b12u, 0x94643b84u,
      0x0d6d6a3eu, 0x7a6a5aa8u, 0xe40ecf0bu, 0x9309ff9du, 0x0a00ae27u, 0x7d079eb1u,
      0xf00f9344u, 0x8708a3d2u, 0x1e01f268u, 0x6906c2feu, 0xf762575du, 0x806567cbu,
      0x196c3671u, 0x6e6b06e7u, 0xfed41b76u, 0x89d32be0u, 0x10da7a5au, 0x67dd4accu,
      0xf9b9df6fu, 0x8ebeeff9u, 0x17b7be43u, 0x60b08ed5u, 0xd6d6a3e8u, 0xa1d1937eu,
      0x38d8c2c4u, 0x4fdff252u, 0xd1bb67f1u, 0xa6bc5767u, 0x3fb506ddu, 0x48b2364bu,
      0xd80d2bdau, 0xaf0a1b4cu, 0x36034af6u, 0x41047a60u, 0xdf60efc3u, 0xa867df55u,
      0x316e8eefu, 0x4669be79u, 0xcb61b38cu, 0xbc66831au, 0x256fd2a0u, 0x5268e236u,
      0xcc0c7795u, 0xbb0b4703u, 0x220216b9u, 0x5505262fu, 0xc5ba3bbeu, 0xb2bd0b28u,
      0x2bb45a92u, 0x5cb36a04u, 0xc2d7ffa7u, 0xb5d0cf31u, 0x2cd99e8bu, 0x5bdeae1du,
      0x9b64c2b0u, 0xec63f226u, 0x756aa39cu, 0x026d930au, 0x9c0906a9u, 0xeb0e363fu,
      0x72076785u, 0x05005713u, 0x95bf4a82u, 0xe2b87a14u, 0x7bb12baeu, 0x0cb61b38u,
      0x92d28e9bu, 0xe5d5be0du, 0x7cdcefb7u, 0x0bdbdf21u, 0x86d3d2d4u, 0xf1d4e242u,
      0x68ddb3f8u, 0x1fda836eu, 0x81be16cdu, 0xf6b9265bu, 0x6fb077e1u, 0x18b74777u,
      0x88085ae6u, 0xff0f6a70u, 0x66063bcau, 0x11010b5cu, 0x8f659effu, 0xf862ae69u,
      0x616bffd3u, 0x166ccf45u, 0xa00ae278u, 0xd70dd2eeu, 0x4e048354u, 0x3903b3c2u,
      0xa7672661u, 0xd06016f7u, 0x4969474du, 0x3e6e77dbu, 0xaed16a4au, 0xd9d65adcu,
      0x40df0b66u, 0x37d83bf0u, 0xa9bcae53u, 0xdebb9ec5u, 0x47b2cf7fu, 0x30b5ffe9u,
      0xbdbdf21cu, 0xcabac28au, 0x53b39330u, 0x24b4a3a6u, 0xbad03605u, 0xcdd70693u,
      0x54de5729u, 0x23d967bfu, 0xb3667a2eu, 0xc4614ab8u, 0x5d681b02u, 0x2a6f2b94u,
      0xb40bbe37u, 0xc30c8ea1u, 0x5a05df1bu, 0x2d02ef8du,
  };
  const uint8_t *next = bytes;
  uint32_t crc = ~before;
  for (; size; size--)
    crc = crc >> 8 ^ of_byte[(crc ^ *next++) & 0xff];
  return ~crc;
}

/* Whether `count` records of `bytes` lie behind the header and within the package. */
static int within(const struct psf_package *p, uint32_t first, uint32_t bytes, uint32_t count) {
  const uint64_t end = (uint64_t)first + (uint64_t)bytes * count;
  return first % 64 == 0 && first >= sizeof *p && end <= p->size;
}

enum psf_status psf_package_open(const void *bytes, uint32_t size,
                                 const struct psf_package **package) {
  const struct psf_package *p = bytes;
  const uint32_t before = offsetof(struct psf_package, crc), zero = 0;
  uint32_t crc;
  if (size < sizeof *p || p->magic != PSF_PACKAGE_MAGIC || p->version != PSF_PACKAGE_VERSION)
    return PSF_PACKAGE;
  if (p->size > size || p->size < sizeof *p)
    return PSF_PACKAGE;
  crc = psf_crc(bytes, before, 0);
  crc = psf_crc(&zero, 4, crc);
  crc = psf_crc((const uint8_t *)bytes + before + 4, p->size - before - 4, crc);
  if (crc != p->crc)
    return PSF_PACKAGE;
  if (p->descriptors == 0 || p->descriptors > 0xffff || p->image_stride < p->image_bytes ||
      !within(p, p->program, 64, p->descriptors) || !within(p, p->weights, p->weight_bytes, 1))
    return PSF_PACKAGE;
  if (p->batch == 0 || p->batch > 256 || p->classes > 0xffff ||
      p->result_bytes != p->batch * (8 + 8 * ((p->classes + 1) >> 1)))
    return PSF_PACKAGE;
  if (p->image_count &&
      (!within(p, p->images, p->image_stride, p->image_count) ||
       !within(p, p->expected, 4 * (1 + p->classes) * p->batch, p->image_count)))
    return PSF_PACKAGE;
  *package = p;
  return PSF_OK;
}

struct psf_network psf_package_network(const struct psf_package *package, psf_address address) {
  struct psf_network network;
  unsigned i;
  network.program = address + package->program;
  network.weights = address + package->weights;
  network.descriptors = (uint16_t)package->descriptors;
  for (i = 0; i < PSF_CAPABILITIES; i++)
    network.capability[i] = package->capability[i];
  return network;
}
