"""Words that describe, and things that no table of conditions names."""


def word_set(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


ADJECTIVES = word_set("""
    10th 11th 12th 1st 2nd 3rd 4th 5th 6th 7th 8th 9th abdominal abnormal accentuated active acute
    acute-appearing acute-on-chronic additional adequate adjacent aerated age-indeterminate
    aggressive airspace alveolar anterior anteriorly anterolateral aortic apical appearing
    appreciable associated asymmetric atherosclerotic atrial attenuated atypical bacterial
    band-like bandlike basal basally basilar biapical bibasal bibasally bibasilar bilateral
    blastic blunted bony bronchial bronchovascular bulky bullous calcified cardiac
    cardiomediastinal cardiopulmonary caval cavitary cavitating central central-venous
    centrilobular cervical chronic chronic-appearing clavicular clear cm coarse coarsened
    comminuted compensatory complete compressive confluent consolidating consolidative convincing
    costophrenic crowded current cystic decreased deep definite definitive degenerative
    demonstrable dense dependent destructive developing diaphragmatic diffuse diffusely
    discernible discoid discrete dislocated displaced distal distally dominant dual dual-lumen
    early ectatic eighth elevated eleventh emphysematous engorged enlarged enlarging epicardial
    evident evolving expanded expansile expected extensive exudative faint fibronodular fibrotic
    fifth fine first flattened focal fourth fractured frank free frontal fullness gaseous
    granulomatous gross ground-glass hazy healed healing heavy hemorrhagic hiatal high hilar
    humeral hyperdense hyperexpanded hyperinflated hyperlucent hypoinflated identifiable
    ill-defined immature impacted improved improving increased increasing indeterminant
    indeterminate indistinct indwelling infectious inferior inflammatory inflated infrahilar
    intact internal interstitial interval intrathoracic irregular isolated juxtahilar known large
    large-volume lateral layering left left-sided linear lingular lobar lobular lobulated
    loculated low lower lucent lumbar lymphangitic lytic main mainstem malignant marked markedly
    mass-like massive masslike mature measurable medial mediastinal metastatic mid mid-thoracic
    middle midthoracic mild mildly minimal minimally minor mm moderate moderately multifocal nasal
    near-complete near-total new ninth nodular non-calcified non-resolving noncalcified
    nondisplaced nonobstructive nonresolving nonspecific normal normally oblique obscured
    obstructive obvious occult old opaque osseous osteoblastic osteolytic osteoporotic other
    overinflated overlying overt ovoid panlobular paramediastinal parapneumonic paratracheal
    parenchymal partial patchy pectoral pericardial perihilar peripheral persistent persisting
    plate-like platelike pleural pneumonic posterior posterolateral postoperative postsurgical
    pre-existing preexisting previous primary prior prominent proximal proximally pulmonary
    radiographic radiopaque reactive recurrent relatively remaining remote residual reticular
    reticulonodular retrocardiac retrosternal rib right right-sided round rounded scapular
    scattered sclerotic second secondary segmental septal serous seventh severe severely sharp
    significant significantly similar simple single sixth sizable sizeable slight slightly small
    smooth soft solitary specific spiculated spinal stable stable-appearing sternal streaky
    subacute subcentimeter subcutaneous subpleural subpulmonic subsegmental substantially subtle
    subtotal superimposed superior suprahilar surgical suspicious symmetric systemic tension tenth
    thick thickened thin third thoracic tiny tortuous total trace transverse trapped traumatic
    tuberculous tunneled twelfth typical unchanged underinflated underlying unilateral
    unremarkable unresolved unusual upper upright vague vascular venous very viral visible
    visualized well well-defined well-expanded widespread worsening xxxx
""")
"""Words that describe and neither deny nor doubt."""
THINGS = word_set("""
    abnormalities abnormality adenopathy air airway airways anatomy angle angles aorta apex apices
    area areas arteries artery aspect aspiration atherosclerosis atria atrium base bases biopsy
    bleb blebs bodies body bones bowel brachiocephalic bronchi bronchiectasis bronchiolitis
    bronchitis bronchoscopy bronchus bulla bullae cabg calculi cancer carcinoma carina cava
    cavoatrial centimeter centimeters chest chf clavicle clavicles clips collection collections
    comment conclusion congestion contour contours copd cxr defibrillator devices dialysis
    diameter diaphragm diaphragms disc disease drainage embolism erosion erosions esophagus
    etiology exam examination extubation failure fat field fields film finding findings fissure
    fissures fluid foci focus gas generator granuloma granulomas hardware heart hemidiaphragm
    hemidiaphragms hemithorax hemorrhage hemothorax hernia hila hilum humerus hyperexpansion
    hyperinflation hyperlucency hypoinflation hypoventilation icd ij image images impression
    infarct infiltration inflammation injury interstitium intubation irregularity jugular junction
    kyphosis lead leads lesions line lines lingula lobe lobectomy lobes lucencies lucency lung
    lungs lymph lymphadenopathy malignancy markings mastectomy mediastinum mediport metastases
    metastasis millimeter millimeters morphology neoplasm node nodes note opacities opinion
    osteophytes parenchyma patient pattern patterns photograph picture plate pleura
    pneumomediastinum pneumonectomy pneumonitis pneumoperitoneum port portion portions process
    processes radiograph radiographs radiography read recess region report result results ribs
    sarcoidosis scan scapula scoliosis screws segment segments shadows shunt side sides silhouette
    silhouettes skeleton space spaces spine staples stent stents sternotomy sternum stomach
    structure structures study subclavian sulci sulcus summary superior-vena-cava surface surfaces
    surgery suture sutures svc thoracentesis thorax trachea trapping trauma tube tuberculosis
    tubes tubing valve vascularity vasculature vein veins vena ventricle ventricles vertebra
    vertebrae vertebral vessel vessels view views volume volumes wire wires x-ray x-rays xray zone
    zones
""")
"""Things that no table of conditions names."""
PROPERTIES = word_set("""
    advancement aeration angulation appearance architecture blunting bronchogram bronchograms
    calcification calcifications cavitation cavity change changes collapse complication
    complications component components contour-abnormality crowding deformities deformity
    degeneration demineralization density destruction discontinuity dislocation dislocations
    displacement distribution ectasia edge elevation enlargement expansion extent fibrosis
    fixation flattening fragment fragments growth improvement insertion kink kinking knot level
    levels loculation loss malalignment malposition margin margination margins migration periphery
    place placement position progression prominence re-expansion reexpansion retraction rupture
    scar scarring separation shadow shape shift size spiculation subluxation thickening thickness
    tip tips tortuosity wall walls
""")
"""What a finding or an organ may have: "no cavitation of the nodule" leaves the nodule."""
ELSEWHERE = word_set("""
    abdomen ankle axilla bone breast breasts elbow extremities extremity femur gallbladder hip
    joint kidney kidneys knee liver metallic muscle neck pelvis scalp shoulder shoulders skin
    soft-tissue spleen thyroid tissue tissues wrist
""")
"""What lies outside the chest: "opacity of the left breast" is none of the lung."""
NEUTRAL = word_set("""
    abnormal active acute acute-appearing adjacent air airspace alveolar appearing appreciable
    associated bony cardiac cardiopulmonary chest clear confluent consolidating consolidative
    convincing definite definitive demonstrable discernible discrete evident focal frank gross
    identifiable infectious lobar lung lungs measurable obvious osseous overt parenchymal patchy
    pleural pulmonary radiographic residual rib ribs space superimposed suspicious typical
    underlying visible visualized xxxx
""")
"""What leaves a denial a denial: "no focal consolidation"; other words narrow it."""
