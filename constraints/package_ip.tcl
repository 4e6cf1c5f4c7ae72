# SPDX-License-Identifier: Apache-2.0
# Makes an IP-XACT core of psf_top for the block designs of Vivado:
#
#   vivado -mode batch -source constraints/package_ip.tcl -tclargs [FOLDER] [PART]
#
# writes FOLDER/ip (default build/vivado), to be named as a repository of IP. Written from the manual
# (UG1118): there was no Vivado at hand, so nothing but its list of files has been tested.

set root [file dirname [file dirname [file normalize [info script]]]]
set out [file join $root build vivado]
set part xczu7ev-ffvc1156-2-e
if {[info exists argv] && [llength $argv] > 0} { set out [file normalize [lindex $argv 0]] }
if {[info exists argv] && [llength $argv] > 1} { set part [lindex $argv 1] }

proc contents {path} {
  set channel [open $path]
  set text [read $channel]
  close $channel
  return $text
}

# The sources are those of Bender.yml, the version is that of psf.core.
set sources {}
foreach line [split [contents [file join $root Bender.yml]] "\n"] {
  if {[regexp {^ +- (rtl/\S+\.sv)$} $line -> name]} { lappend sources [file join $root $name] }
}
regexp {prunespikformer:ip:psf:([0-9]+\.[0-9]+)} [contents [file join $root psf.core]] -> version

create_project psf [file join $out project] -part $part -force
add_files -norecurse $sources
add_files -fileset constrs_1 -norecurse [file join $root constraints psf.xdc]
add_files -fileset constrs_1 -norecurse [file join $root constraints psf_ooc.xdc]
set_property USED_IN {synthesis implementation out_of_context} [get_files [file join $root constraints psf_ooc.xdc]]
set_property top psf_top [current_fileset]
update_compile_order -fileset sources_1

ipx::package_project -root_dir [file join $out ip] -vendor prunespikformer -library ip -taxonomy /UserIP -import_files -force
set core [ipx::current_core]
set_property name psf $core
set_property version $version $core
set_property display_name PruneSpikformer $core
set_property description {An accelerator for pruned Spiking Transformers} $core
set_property supported_families {artix7 Production kintex7 Production zynq Production zynquplus Production versal Production} $core

# Clock, reset, interrupt; both buses have been found by the names of their ports.
ipx::infer_bus_interface clk_i xilinx.com:signal:clock_rtl:1.0 $core
ipx::infer_bus_interface rst_ni xilinx.com:signal:reset_rtl:1.0 $core
ipx::infer_bus_interface irq_o xilinx.com:signal:interrupt_rtl:1.0 $core
proc parameter {core bus name value} {
  set interface [ipx::get_bus_interfaces $bus -of_objects $core]
  set found [ipx::get_bus_parameters $name -of_objects $interface]
  if {$found eq ""} { set found [ipx::add_bus_parameter $name $interface] }
  set_property value $value $found
}
parameter $core rst_ni POLARITY ACTIVE_LOW
parameter $core irq_o SENSITIVITY LEVEL_HIGH
parameter $core m_axi SUPPORTS_NARROW_BURST 0
parameter $core m_axi NUM_READ_OUTSTANDING 4
parameter $core m_axi NUM_WRITE_OUTSTANDING 1
parameter $core m_axi MAX_BURST_LENGTH 64
foreach bus {s_axil m_axi} {
  ipx::associate_bus_interfaces -busif $bus -clock clk_i $core
}

# 4 KiB of registers.
set map [ipx::add_memory_map registers $core]
set_property slave_memory_map_ref registers [ipx::get_bus_interfaces s_axil -of_objects $core]
set block [ipx::add_address_block psf_regs $map]
set_property range 4096 $block
set_property usage register $block

ipx::create_xgui_files $core
ipx::update_checksums $core
ipx::check_integrity $core
ipx::save_core $core
puts "psf: [file join $out ip]"
close_project
