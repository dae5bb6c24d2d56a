# SPDX-License-Identifier: Apache-2.0
"""Volume types, QoS and quotas."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UPDATE,
    allowed,
    at_least,
    boolean,
    by_name,
    check,
    integer,
    items,
    mapping,
    since,
    string,
)
from samovar.orchestration.resources.schema import ResourceType

ENCRYPTED_VOLUME_TYPE = ResourceType(
    name="OS::Cinder::EncryptedVolumeType",
    description="The encryption of a volume type.",
    support=since("5.0.0"),
    service="cinder",
    entity="volume_encryption_types",
    extension="encryption",
    properties={
        "cipher": string("Cipher.", UPDATE, allowed("aes-xts-plain64", "aes-cbc-essiv")),
        "control_location": string(
            "Control location.", UPDATE, allowed("front-end", "back-end"), default="front-end"
        ),
        "key_size": integer("Key size.", UPDATE),
        "provider": string("Provider.", REQUIRED, UPDATE),
        "volume_type": string("Volume type, by name or id.", REQUIRED, check("cinder.vtype")),
    },
    observe_reality=True,
)


QO_SASSOCIATION = ResourceType(
    name="OS::Cinder::QoSAssociation",
    description="Binds volume types to a set of volume QoS specifications.",
    support=since("8.0.0"),
    service="cinder",
    extension="qos-specs",
    properties={
        "qos_specs": string("QoS specs.", REQUIRED, check("cinder.qos_specs")),
        "volume_types": items("Volume types.", REQUIRED, UPDATE, of=string("", check("cinder.vtype"))),
    },
    translation=(
        by_name("volume_types", "cinder.volume_type"),
        by_name("qos_specs", "cinder.qos_specs"),
    ),
)


QO_SSPECS = ResourceType(
    name="OS::Cinder::QoSSpecs",
    description="Volume QoS specifications.",
    support=since("7.0.0"),
    service="cinder",
    entity="qos_specs",
    extension="qos-specs",
    properties={
        "name": string("Name; made from the stack and resource names when it is left out."),
        "specs": mapping("Specs.", REQUIRED, UPDATE),
    },
)


QUOTA = ResourceType(
    name="OS::Cinder::Quota",
    description="The block storage quotas of a project.",
    support=since("7.0.0"),
    service="cinder",
    entity="quotas",
    extension="os-quota-sets",
    properties={
        "backup_gigabytes": integer("Backup gigabytes.", UPDATE, at_least(-1), since("16.0.0")),
        "backups": integer("Backups.", UPDATE, at_least(-1), since("16.0.0")),
        "gigabytes": integer("Gigabytes.", UPDATE, at_least(-1)),
        "project": string("Project, by name or id.", REQUIRED, check("keystone.project")),
        "snapshots": integer("Snapshots.", UPDATE, at_least(-1)),
        "volumes": integer("Volumes.", UPDATE, at_least(-1)),
    },
    translation=(by_name("project", "keystone.project"),),
)


VOLUME_TYPE = ResourceType(
    name="OS::Cinder::VolumeType",
    description="A type of volumes.",
    support=since("2015.1"),
    service="cinder",
    entity="volume_types",
    extension="os-types-manage",
    properties={
        "description": string("Text for people.", UPDATE, since("5.0.0")),
        "is_public": boolean("Whether every project may use it.", UPDATE, since("5.0.0"), default=True),
        "metadata": mapping("Keys and values kept with the object.", UPDATE),
        "name": string("Name; made from the stack and resource names when it is left out.", REQUIRED, UPDATE),
        "projects": items(
            "Projects.", UPDATE, since("5.0.0"), of=string("", check("keystone.project")), default=[]
        ),
    },
    observe_reality=True,
)


TYPES = (
    ENCRYPTED_VOLUME_TYPE,
    QO_SASSOCIATION,
    QO_SSPECS,
    QUOTA,
    VOLUME_TYPE,
)
