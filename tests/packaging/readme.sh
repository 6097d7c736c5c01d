#!/bin/sh
# R25: the README's RunInstances line has every option of the procedure's, with the same value where that is fixed.
set -u

here=$(cd "$(dirname "$0")" && pwd)
readme=${1:-$here/../../README.md}
failed=0

# The command is the indented block that begins with it; a line that ends in \ goes on.
line=$(sed -n '/^    aliyun ecs RunInstances/,/[^\\]$/p' "$readme" | tr -s '\\\n ' '   ')
while read -r option value; do
	case "$line " in
	*" $option $value "*) echo "ok   $option $value" ;;
	*) failed=1 && echo "FAIL README.md: RunInstances without $option $value" ;;
	esac
done <<'END'
--RegionId cn-beijing
--ZoneId cn-beijing-l
--SystemDisk.Category cloud_essd
--ImageId 'aliyun_3_x64_20G_alibase_20250117.vhd'
--InstanceType 'ecs.gn8v-tee.4xlarge'
--SecurityGroupId '<SECURITY_GROUP_ID>'
--VSwitchId '<VSWITCH_ID>'
--KeyPairName <KEY_PAIR_NAME>
--SystemDisk.Size 60
--InternetMaxBandwidthOut 100
--UserData "$(cat build/user-data.b64)"
END
exit "$failed"
