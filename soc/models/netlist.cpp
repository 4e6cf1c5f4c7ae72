// SPDX-License-Identifier: Apache-2.0
//
// Runs a netlist of an ECP5 from netlist.txt, the table that soc/netlist.py makes: only what
// changes is computed. One clock. psf_netlist_set takes the inputs and settles, psf_netlist_edge is
// the rising edge.
//
// A block RAM has 2048 bytes of 9 bits, of which a port sees 1, 2 or 4 (widths 9, 18, 36), or 1, 2
// or 4 bits of the lower 8 of one. With 36,
// port A only writes and its data go on in B's inputs; port B only reads, and the lower half of its
// word comes out of A's outputs. The lowest bits of an address are byte enables. What one port reads
// of a byte while the other one writes it is open: it comes inverted, so that whoever relies
// on it is found.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "svdpi.h"

namespace {

struct Lut {
  int out, in[4], table, level;
  bool queued = false;
};

struct Flop {
  int q, d, ce, lsr, inverted, async, set;
  bool dirty = false;
};

struct Distributed {
  int luts, data[4], address[4], enable;
};

struct Port {
  int width, mode, enable, write, address[14], data[18], out[18];
};

struct Block {
  Port port[2];
  uint16_t bytes[2048];
  bool dirty = false;
};

struct Multiplier {
  int out[36], in[38], level;
  bool queued = false;
};

enum Mode { kNormal, kThrough, kBefore };

class Netlist {
 public:
  explicit Netlist(const char* path) {
    std::ifstream file(path);
    std::string word;
    while (file >> word && word != "end") read(file, word);
    if (word != "end") {
      fprintf(stderr, "%s is no whole netlist\n", path);
      exit(1);
    }
    connect();
  }

  void set(const svBitVecVal* sent) {
    for (size_t i = 0; i < inputs_.size(); i++) change(inputs_[i], sent[i / 32] >> (i % 32) & 1);
    settle();
  }

  void edge() {
    std::vector<std::pair<int, int>> next;
    for (int i : dirty_flops_) {
      Flop& flop = flops_[i];
      flop.dirty = false;
      int value = value_[flop.q];
      if (value_[flop.lsr]) {
        value = flop.set;
      } else if (value_[flop.ce] ^ flop.inverted) {
        value = value_[flop.d];
      }
      if (value != value_[flop.q]) next.emplace_back(flop.q, value);
    }
    dirty_flops_.clear();
    std::vector<int> again;
    for (int i : dirty_blocks_) {
      blocks_[i].dirty = false;
      if (clock(blocks_[i], next)) again.push_back(i);
    }
    dirty_blocks_.clear();
    for (int i : again) mark(i);
    for (const Distributed& ram : rams_) {
      if (!value_[ram.enable]) continue;
      const int at = number(ram.address, 4);
      for (int i = 0; i < 4; i++) {
        Lut& lut = luts_[ram.luts + i];
        lut.table = (lut.table & ~(1 << at)) | value_[ram.data[i]] << at;
        queue(ram.luts + i);
      }
    }
    for (const auto& [net, value] : next) change(net, value);
    settle();
  }

  void give(svBitVecVal* got) const {
    for (size_t i = 0; i < outputs_.size(); i += 32) got[i / 32] = 0;
    for (size_t i = 0; i < outputs_.size(); i++)
      got[i / 32] |= static_cast<uint32_t>(value_[outputs_[i]]) << (i % 32);
  }

 private:
  static void take(std::istream& file, int* to, int count) {
    for (int i = 0; i < count; i++) file >> to[i];
  }

  void read(std::istream& file, const std::string& word) {
    int count = 0;
    if (word == "nets") {
      file >> count;
      value_.assign(count, 0);
      value_[1] = 1;
    } else if (word == "lut") {
      Lut lut;
      take(file, &lut.out, 7);
      luts_.push_back(lut);
    } else if (word == "ff") {
      Flop flop;
      take(file, &flop.q, 7);
      flops_.push_back(flop);
    } else if (word == "ram") {
      Distributed ram;
      take(file, &ram.luts, 10);
      rams_.push_back(ram);
    } else if (word == "bram") {
      Block block;
      for (Port& port : block.port) file >> port.width;
      for (Port& port : block.port) file >> port.mode;
      for (Port& port : block.port) take(file, &port.enable, 2 + 14 + 18);
      for (Port& port : block.port) take(file, port.out, 18);
      for (uint16_t& byte : block.bytes) file >> byte;
      blocks_.push_back(block);
    } else if (word == "mul") {
      Multiplier mul;
      take(file, mul.out, 36 + 38 + 1);
      multipliers_.push_back(mul);
    } else {
      std::vector<int>& nets = word == "in" ? inputs_ : outputs_;
      file >> count;
      nets.resize(count);
      take(file, nets.data(), count);
    }
  }

  // Who looks at a net; everything is computed once.
  void connect() {
    gates_.resize(value_.size());
    watching_flops_.resize(value_.size());
    watching_blocks_.resize(value_.size());
    int most = 0;
    for (size_t i = 0; i < luts_.size(); i++) {
      for (int net : luts_[i].in) gates_[net].push_back(i);
      most = std::max(most, luts_[i].level);
    }
    for (size_t i = 0; i < multipliers_.size(); i++) {
      for (int net : multipliers_[i].in) gates_[net].push_back(luts_.size() + i);
      most = std::max(most, multipliers_[i].level);
    }
    levels_.resize(most + 1);
    for (size_t i = 0; i < luts_.size() + multipliers_.size(); i++) queue(i);
    for (size_t i = 0; i < flops_.size(); i++) {
      for (int net : {flops_[i].d, flops_[i].ce, flops_[i].lsr}) watching_flops_[net].push_back(i);
      value_[flops_[i].q] = flops_[i].set;
      touch(i);
    }
    for (size_t i = 0; i < blocks_.size(); i++) {
      for (const Port& port : blocks_[i].port)
        for (int k = 0; k < 2 + 14 + 18; k++) watching_blocks_[(&port.enable)[k]].push_back(i);
      mark(i);
    }
  }

  void touch(int flop) {
    if (!flops_[flop].dirty) dirty_flops_.push_back(flop);
    flops_[flop].dirty = true;
  }

  void mark(int block) {
    if (!blocks_[block].dirty) dirty_blocks_.push_back(block);
    blocks_[block].dirty = true;
  }

  void queue(int gate) {
    const int luts = luts_.size();
    bool& queued = gate < luts ? luts_[gate].queued : multipliers_[gate - luts].queued;
    if (queued) return;
    queued = true;
    levels_[gate < luts ? luts_[gate].level : multipliers_[gate - luts].level].push_back(gate);
  }

  void change(int net, int value) {
    if (value_[net] == value) return;
    value_[net] = value;
    for (int gate : gates_[net]) queue(gate);
    for (int flop : watching_flops_[net]) {
      touch(flop);
      if (flops_[flop].async && net == flops_[flop].lsr && value) resets_.push_back(flop);
    }
    for (int block : watching_blocks_[net]) mark(block);
  }

  void settle() {
    do {
      for (int flop : resets_)
        if (value_[flops_[flop].lsr]) change(flops_[flop].q, flops_[flop].set);
      resets_.clear();
      for (auto& level : levels_) {
        for (size_t i = 0; i < level.size(); i++) evaluate(level[i]);
        level.clear();
      }
    } while (!resets_.empty());
  }

  void evaluate(int gate) {
    const int luts = luts_.size();
    if (gate < luts) {
      Lut& lut = luts_[gate];
      lut.queued = false;
      change(lut.out, lut.table >> number(lut.in, 4) & 1);
      return;
    }
    Multiplier& mul = multipliers_[gate - luts];
    mul.queued = false;
    int64_t a = number(mul.in, 18), b = number(mul.in + 18, 18);
    if (value_[mul.in[36]] && a >> 17) a -= 1 << 18;
    if (value_[mul.in[37]] && b >> 17) b -= 1 << 18;
    const int64_t product = a * b;
    for (int i = 0; i < 36; i++) change(mul.out[i], product >> i & 1);
  }

  int number(const int* nets, int count) const {
    int value = 0;
    for (int i = 0; i < count; i++) value |= value_[nets[i]] << i;
    return value;
  }

  // An edge of a block RAM: what comes out is appended to `next`. Whether it wrote.
  bool clock(Block& block, std::vector<std::pair<int, int>>& next) {
    int lanes[2], first[2], shift[2];
    uint16_t data[2][4] = {};
    for (int p = 0; p < 2; p++) {
      const Port& port = block.port[p];
      const int address = number(port.address, 14), count = std::max(1, port.width / 9);
      first[p] = (address >> 3) & ~(count - 1);
      shift[p] = port.width < 9 ? address & 7 & -port.width : 0;
      lanes[p] = 0;
      if (value_[port.enable] && value_[port.write]) {
        lanes[p] = count == 1 ? 1 : address & ((1 << count) - 1);
      }
      for (int i = 0; i < 2; i++) data[p][i] = number(port.data + 9 * i, 9);
      if (port.width < 9) {
        const int mask = ((1 << port.width) - 1) << shift[p];
        data[p][0] = (block.bytes[first[p]] & ~mask) | (data[p][0] << shift[p] & mask);
      }
    }
    for (int i = 0; i < 2; i++) data[0][2 + i] = data[1][i];
    for (int p = 0; p < 2; p++) {
      const Port& port = block.port[p];
      if (!value_[port.enable] || (port.width == 36 && p == 0)) continue;
      if (value_[port.write] && port.mode == kNormal) continue;
      for (int i = 0; i < std::max(1, port.width / 9); i++) {
        const int at = first[p] + i, other = at - first[1 - p];
        int byte = block.bytes[at];
        if (other >= 0 && other < 4 && lanes[1 - p] >> other & 1) byte ^= 511;
        if (lanes[p] >> i & 1 && port.mode == kThrough) byte = data[p][i];
        const int* out = (port.width == 36 && i < 2 ? block.port[0].out : port.out) + 9 * (i % 2);
        for (int k = 0; k < std::min(9, port.width); k++)
          next.emplace_back(out[k], byte >> (shift[p] + k) & 1);
      }
    }
    for (int p = 0; p < 2; p++)
      for (int i = 0; i < 4; i++)
        if (lanes[p] >> i & 1) block.bytes[first[p] + i] = data[p][i];
    return lanes[0] || lanes[1];
  }

  std::vector<uint8_t> value_;
  std::vector<Lut> luts_;
  std::vector<Flop> flops_;
  std::vector<Distributed> rams_;
  std::vector<Block> blocks_;
  std::vector<Multiplier> multipliers_;
  std::vector<int> inputs_, outputs_, dirty_flops_, dirty_blocks_, resets_;
  std::vector<std::vector<int>> gates_, watching_flops_, watching_blocks_, levels_;
};

Netlist& netlist() {
  static Netlist it("netlist.txt");
  return it;
}

}  // namespace

extern "C" void psf_netlist_set(const svBitVecVal* sent, svBitVecVal* got) {
  netlist().set(sent);
  netlist().give(got);
}

extern "C" void psf_netlist_edge(svBitVecVal* got) {
  netlist().edge();
  netlist().give(got);
}
