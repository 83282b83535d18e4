// The words of codes: those of engine/pake/words.go, to which a test compares them.

export const firstWords: readonly string[] = (
  "acorn airport almond amber anchor apple april apron arrow artist atlas attic autumn badger baggage bamboo bandage banner basket " +
  "bathtub beacon beaver bedroom blanket blossom bonfire bookshelf bottle boulder bracelet breakfast bubble budget bundle burger " +
  "butler button cabbage cabin cactus camel campfire candle canvas captain carbon carpet cartoon cashew castle chapter cherry " +
  "chicken circus classroom climate clockwork closet clover comet concert cotton country cowboy cricket crystal cupboard daisy " +
  "dancer daylight dentist dinner doctor dolphin donkey doorway dragon drummer eagle echo elbow engine falcon farmer feather finger " +
  "flower folder forest fossil fountain funnel garden garlic giraffe glacier guitar hammer hamster harbor harvest helmet hockey " +
  "honey hotel igloo index insect iron island jacket jaguar jigsaw journal justice keyboard kitchen kitten ladder lantern laptop " +
  "laundry lemon leopard lightning lizard lobster locket magnet mango maple marble market meadow melon mirror model monday morning " +
  "motor muffin music napkin needle ocean office olive onion orange orchard oyster paddle painter palace panda paper parade parcel " +
  "pastry peacock pebble pencil penguin pickle picnic pigeon pillow pilot planet plastic platform poet popcorn portrait powder " +
  "pretzel pumpkin puppet purple python quarter rabbit raccoon radar radish rainbow ranger raven razor reindeer river rooster ruby " +
  "sailor salad salmon sandal sapphire saucer sausage scissors scooter season shadow sheriff shoulder shovel silver snowflake sofa " +
  "spaceship spider spinach spiral squirrel staircase stapler statue student suitcase summer sunset swallow table tadpole teapot " +
  "temple tennis thunder ticket tiger timber tractor treasure trumpet tulip turkey turnip turtle uncle valley velvet village voyage " +
  "waffle wagon walnut water wedding whisper window winter workshop yellow zebra zigzag"
).split(" ");

export const secondWords: readonly string[] = (
  "acrobat adventure alphabet ambulance amethyst animal antelope antenna apricot aquarium architect armadillo arrival artichoke " +
  "asparagus astronaut avalanche avenue avocado backgammon badminton bakery banana barbecue barometer basketball bicycle biology " +
  "blackberry blueberry broccoli buffalo bumblebee butterfly calculator calendar canary candlestick capital caravan cardinal " +
  "carpenter cathedral cauliflower celebrate celery century chandelier chemistry chimpanzee chocolate cinnamon citadel clarinet " +
  "coconut computer conductor confetti coriander cranberry crocodile cucumber daffodil dandelion december delivery detective " +
  "diagram dinosaur director domino dragonfly editor electric elephant elevator eleven embassy emerald energy equator espresso " +
  "evergreen expedition factory family fantastic festival fisherman flamingo formula furniture galaxy gasoline gazebo generous " +
  "gladiator gondola gorilla grandmother grasshopper gymnasium hamburger handkerchief harmonica hazelnut helicopter hemisphere " +
  "hibiscus history holiday horizon hospital hummingbird iguana indigo instrument jamboree jellyfish jewelry jubilee kangaroo " +
  "kilogram koala ladybug lasagna lavender lemonade liberty library licorice limousine lullaby macaroni magazine magnolia mandolin " +
  "marathon marigold marmalade marzipan mechanic medallion memory mercury messenger microphone midsummer minister molecule monument " +
  "mosquito motorbike museum nectarine newspaper nightingale november nursery octagon octopus olympic opera optimist orangutan " +
  "orchestra origami ornament overcoat oxygen pacific pajamas panorama papaya paprika parachute parallel pelican peninsula " +
  "peppermint percussion petunia photograph piano piccolo pineapple pistachio platypus pomegranate porcupine potato president " +
  "professor propeller pyramid quality raspberry ravioli rectangle referee reporter restaurant rhinoceros rosemary safari " +
  "salamander satellite saxophone scientist september serenade skeleton sombrero souvenir spaghetti spatula spectacle stadium " +
  "strawberry submarine sunflower symphony tambourine tangerine tapestry tarantula telegram telescope television tomorrow tornado " +
  "triangle tuxedo typewriter ukulele umbrella underwater unicorn universe utensil vacation vanilla vegetable veranda vinegar " +
  "violet vitamin volcano volleyball waterfall wheelbarrow wilderness wolverine xylophone yesterday zucchini"
).split(" ");
